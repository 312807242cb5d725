// `roseinfer batch --queue` and `roseinfer worker` as processes around a real server of NATS.
// @module-tag sweep

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readResults, startBatch, writeCalls } from '../../support/batch-kills.ts';
import { hasNatsServer, NatsServer } from '../../support/queue/nats-server.ts';
import { startWorker } from '../../support/queue/start-worker.ts';
import { errorsIn } from '../../support/run-node.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe.skipIf(!hasNatsServer)('commands of a queue, for which this machine needs nats-server,', () => {
  test('give the results of a run without one, and go on after a kill of either', async () => {
    await using server = await NatsServer.start();
    const directory = temporaryDirectory();
    const [input, output, own] = ['in.jsonl', 'out.jsonl', 'own.jsonl'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeCalls(input, 60, 8);
    const queued = [input, output, '--seed', '3', '--queue', `${server.url}/night`];
    const [first, second] = [await startWorker(`${server.url}/night`), await startWorker(`${server.url}/night`)];
    const cut = startBatch(...queued);
    await once(cut.child.stderr, 'data');
    first.child.kill('SIGKILL');
    cut.child.kill('SIGKILL');
    await cut.ended;
    const { status, stderr } = await startBatch(...queued).ended;
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect((await startBatch(input, own, '--seed', '3').ended).status).toBe(0);
    expect(readResults(output)).toHaveLength(60);
    expect(readResults(output)).toEqual(readResults(own));
    second.child.kill('SIGINT');
    const end = await second.ended;
    expect([end.status, errorsIn(end.stderr)]).toEqual([0, []]);
    expect(end.stderr).toMatch(/^\d+ lines · 0 with errors · \d+ tokens$/m);
    const other = await startBatch(input, output, '--seed', '3').ended;
    expect([other.status, errorsIn(other.stderr)]).toEqual([
      1,
      [expect.stringContaining('the results of the queue "night"; expected the same, or --overwrite')],
    ]);
  });

  test('need the credentials that the server asks for, by name', async () => {
    const directory = temporaryDirectory();
    await using server = await NatsServer.start('--user', 'me', '--pass', 'secret');
    const input = join(directory, 'in.jsonl');
    writeFileSync(input, 'no call\n');
    const { port } = server;
    const run = async (...words: string[]) => {
      const { status, stderr } = await startBatch(input, join(directory, 'out.jsonl'), ...words).ended;
      return { status, errors: errorsIn(stderr) };
    };
    expect(await run('--queue', server.url)).toEqual({
      status: 1,
      errors: [
        expect.stringMatching(
          /^--queue is "nats:.*", which can't be reached \(.*\), expected a NATS server that lets us in$/,
        ),
      ],
    });
    expect(await run('--queue', `nats://me:secret@127.0.0.1:${port}`)).toEqual({
      status: 1,
      errors: ['1 line has an error: see "error" and "status_code" of the results'],
    });
  });
});

test.each([
  [['--queue', 'http://a'], '--queue is "http://a", expected nats://HOST[:PORT][,HOST…][/NAME]'],
  [['--queue', 'nats://a', '--dtype', 'f16'], '--dtype is given with --queue, expected it of the workers'],
  [['--fingerprint', 'any'], '--fingerprint is given without --queue, expected both'],
  [['--fingerprint', 'a b'], '--fingerprint is "a b", expected fp_ with 32 hexadecimal digits'],
])('a batch with %j is called wrongly', async (words, message) => {
  const { status, stderr } = await startBatch('package.json', join(temporaryDirectory(), 'out.jsonl'), ...words).ended;
  expect([status, errorsIn(stderr)]).toEqual([2, [expect.stringContaining(message)]]);
});
