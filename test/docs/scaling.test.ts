// The commands of docs/scaling.md, executed in their order in an empty folder, with a server of the queue on a free port.
// @module-tag sweep
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readResults, writeCalls } from '../support/batch-kills.ts';
import { hasNatsServer, NatsServer } from '../support/queue/nats-server.ts';
import { startWorker } from '../support/queue/start-worker.ts';
import { runShell } from '../support/run-shell.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { shellLines } from './documents.ts';

const URL_OF_PAGE = 'nats://127.0.0.1';
const WORKER = `npx roseinfer worker --queue ${URL_OF_PAGE} &`;
const SERVER = 'nats-server --jetstream --store_dir queue &';
const lines = shellLines.filter(({ place }) => place.startsWith('docs/scaling.md')).map(({ line }) => line);

test.skipIf(!hasNatsServer)(
  'the commands that fill and empty a queue, for which this machine needs nats-server, give every result',
  async () => {
    const directory = temporaryDirectory();
    writeCalls(join(directory, 'calls.jsonl'), 20, 4);
    const [install, server, ...others] = lines;
    expect([install, server]).toEqual(['apt-get install nats-server', SERVER]);
    await using nats = await NatsServer.start();
    const workers = others.filter((line) => line === WORKER);
    expect(workers.length).toBeGreaterThan(1);
    await Promise.all(workers.map(() => startWorker(nats.url)));
    for (const line of others.filter((each) => each !== WORKER)) {
      const { status, stderr } = runShell(line.replaceAll(URL_OF_PAGE, nats.url), directory);
      expect({ line, status }, stderr).toEqual({ line, status: 0 });
    }
    expect(readResults(join(directory, 'results.jsonl'))).toHaveLength(20);
  },
);
