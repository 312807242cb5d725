// `roseinfer serve` as a process: it starts, answers, drains on a signal and exits with 0, and refuses what is unsafe before it loads.
// @module-tag sweep

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { errorsIn, runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** Starts a server; returns its address once it listens. */
async function start(args: readonly string[], env = {}): Promise<{ child: Child; url: string }> {
  const argv = ['src/cli/roseinfer.js', 'serve', 'weights/tales', '--port', '0', ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  child.stderr.resume();
  for await (const line of createInterface(child.stdout)) {
    const { url } = JSON.parse(line);
    child.stdout.resume();
    if (url !== undefined) return { child, url };
  }
  throw new Error('the server has not started');
}

const headers = { 'content-type': 'application/json', authorization: 'Bearer secret-of-tests' };

test('serves the bundled model with keys, finishes a stream after SIGTERM, and exits with 0', async () => {
  const { child, url } = await start([], { ROSEINFER_API_KEY: 'secret-of-tests' });
  expect((await fetch(`${url}/v1/models`)).status).toBe(401);
  const models = JSON.parse(await (await fetch(`${url}/v1/models`, { headers })).text());
  expect(models.data[0].id).toBe('tales');
  const body = JSON.stringify({ prompt: 'Once', max_tokens: 200, ignore_eos: true, stream: true });
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  child.kill('SIGTERM');
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(text).toMatch(/"finish_reason":"length".*data: \[DONE\]\n\n$/s);
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
});

test('ends what is left after the time to drain with an error as the last event', async () => {
  const { child, url } = await start(['--drain-timeout', '0'], { ROSEINFER_API_KEY: 'secret-of-tests' });
  const body = JSON.stringify({ prompt: 'Once', max_tokens: 900, ignore_eos: true, stream: true });
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  child.kill('SIGINT');
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(text).toMatch(/data: \{"error":\{[^\n]*"code":"shutting_down"\}\}\n\ndata: \[DONE\]\n\n$/);
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
});

describe('refuses', () => {
  const serve = (argv: readonly string[], env = {}) => runNode(['src/cli/roseinfer.js', 'serve', ...argv], { env });

  test.each([
    [
      ['--host', '0.0.0.0'],
      /^--host is "0\.0\.0\.0", which others reach, without a key, expected a key by ROSEINFER_API_KEY/,
    ],
    [['--api-key-file', 'nowhere.txt'], /^--api-key-file can't be read \(ENOENT\)/],
    [['--port', '70000'], /^--port is 70000, expected an integer from 0 to 65535/],
    [['--max-queue', '-1'], /^--max-queue is -1/],
    [['--api-key', 'secret'], /^unknown flag "--api-key"/],
    [['nowhere'], /^nowhere: model directory is missing/],
  ])('%j with one line and 1', (argv, message) => {
    const { status, stdout, stderr } = serve(argv, { ROSEINFER_API_KEY: '' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(errorsIn(stderr)).toEqual([expect.stringMatching(message)]);
  });

  test('a file without keys', async () => {
    const file = join(temporaryDirectory(), 'keys.txt');
    await writeFile(file, '# none\n');
    expect(errorsIn(serve(['--api-key-file', file]).stderr)).toEqual([
      '--api-key-file has no key, expected one a line',
    ]);
  });
});

test('help has examples', () => {
  expect(runNode(['src/cli/roseinfer.js', 'serve', '--help']).stdout).toContain('roseinfer serve weights/tales');
});
