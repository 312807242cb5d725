// The benchmark of servers as a process.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorsIn } from '../support/run-node.ts';
import { chunk, sendEvents, sendJson, startStub } from '../support/server/stub-server.ts';
import { startTestServer } from '../support/server/test-server.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-serve-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Runs the script beside servers of this process. */
function serve(url: string, ...flags: readonly string[]) {
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; stdout: string; stderr: string }>();
  execFile(process.execPath, ['bench/serve.ts', '--url', url, ...flags], (error, stdout, stderr) =>
    resolve({ code: error?.code ?? 0, stdout, stderr }),
  );
  return promise;
}

test('node bench/serve.ts prints the rows of a run and writes its file, and is silent otherwise', async () => {
  await using server = await startTestServer();
  const json = join(directory, 'out.json');
  const { code, stdout, stderr } = await serve(
    server.url,
    '--num-requests',
    '4',
    '--max-new-tokens',
    '5',
    '--ignore-eos',
    '--json',
    json,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/Total generated tokens: +20 *\n/);
  expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ completed: 4, partial: false, problems: [] });
});

test('node bench/serve.ts ends with 1 and a line for a run that does not count, whose file it writes', async () => {
  await using server = await startStub({
    '/v1/models': (_, response) => sendJson(response, { data: [{ id: 'm', owned_by: 'me' }] }),
    '/v1/completions': (_, response) => {
      sendEvents(response, [
        chunk('a', { finish_reason: 'stop' }),
        { usage: { prompt_tokens: 3, completion_tokens: 1 } },
      ]);
      response.end();
    },
  });
  const json = join(directory, 'bad.json');
  const { code, stdout, stderr } = await serve(server.url, '--num-requests', '1', '--json', json);
  expect(code).toBe(1);
  expect(stdout).toMatch(/Successful requests: +1/);
  expect(errorsIn(stderr)).toEqual([
    expect.stringContaining('the server does not say which tokens of prompts it computed'),
  ]);
  expect(JSON.parse(await readFile(json, 'utf8')).problems).toHaveLength(1);
});
