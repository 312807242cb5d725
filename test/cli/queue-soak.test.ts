// Two thousand lines through a queue with three workers, of which one is killed and one comes late, and a server that is started again.
// @module-tag slow
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readResults, startBatch, stopAfter, waitForLines, writeCalls } from '../support/batch-kills.ts';
import { hasNatsServer, NatsServer } from '../support/queue/nats-server.ts';
import { startWorker } from '../support/queue/start-worker.ts';
import { errorsIn } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const NUM_CALLS = 2000;

describe.skipIf(!hasNatsServer)('a queue, for which this machine needs nats-server,', () => {
  test('gives 2,000 lines one result each, those of a run without it', async () => {
    const directory = temporaryDirectory();
    const path = (name: string) => join(directory, name);
    writeCalls(path('in.jsonl'), NUM_CALLS, 4);
    await using server = await NatsServer.start();
    const workers = await Promise.all([1, 2, 3].map(() => startWorker(server.url)));
    const run = startBatch(path('in.jsonl'), path('out.jsonl'), '--seed', '3', '--queue', server.url);
    await stopAfter(path('out.jsonl'), NUM_CALLS / 4, workers[0]!);
    const late = startWorker(server.url);
    await waitForLines(path('out.jsonl'), NUM_CALLS / 2, run.child);
    await server.kill();
    await server.begin();
    const { status, stderr } = await run.ended;
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    for (const { child, ended } of [workers[1]!, workers[2]!, await late]) {
      child.kill('SIGTERM');
      expect((await ended).status).toBe(0);
    }
    expect((await startBatch(path('in.jsonl'), path('own.jsonl'), '--seed', '3').ended).status).toBe(0);
    expect(readResults(path('out.jsonl'))).toHaveLength(NUM_CALLS);
    expect(readResults(path('out.jsonl'))).toEqual(readResults(path('own.jsonl')));
  });
});
