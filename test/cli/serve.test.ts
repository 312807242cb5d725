// `roseinfer serve` as a process: it starts, answers, drains on a signal and exits with 0, and refuses what is unsafe before it loads.
// @module-tag sweep

import { once } from 'node:events';
import { getPriority } from 'node:os';
import { createParser } from 'eventsource-parser';
import { describe, expect, test } from 'vitest';
import { errorsIn, runNode } from '../support/run-node.ts';
import { startProcess } from '../support/server/serve-process.ts';

const headers = { 'content-type': 'application/json', authorization: 'Bearer secret-of-tests' };

test('serves the bundled model with keys, finishes a stream after SIGTERM, and exits with 0', async () => {
  const { child, url } = await startProcess([], { ROSEINFER_API_KEY: 'secret-of-tests' });
  expect((await fetch(`${url}/v1/models`)).status).toBe(401);
  const models = JSON.parse(await (await fetch(`${url}/v1/models`, { headers })).text());
  expect(models.data[0].id).toBe('tales');
  // Another process of the machine must not go before its callers.
  expect(getPriority(child.pid)).toBe(getPriority());
  const body = JSON.stringify({ prompt: 'Once', max_tokens: 200, ignore_eos: true, stream: true });
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(text).toMatch(/"finish_reason":"length".*data: \[DONE\]\n\n$/s);
  const [code] = await exit;
  expect(code).toBe(0);
});

test('ends what is left after the time to drain with an error as the last event', async () => {
  const { child, url } = await startProcess(['--drain-timeout', '0'], { ROSEINFER_API_KEY: 'secret-of-tests' });
  const body = JSON.stringify({ prompt: 'Once', max_tokens: 900, ignore_eos: true, stream: true });
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  const exit = once(child, 'exit');
  child.kill('SIGINT');
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(text).toMatch(/data: \{"error":\{[^\n]*"code":"shutting_down"\}\}\n\ndata: \[DONE\]\n\n$/);
  const [code] = await exit;
  expect(code).toBe(0);
});

test('a call whose server is killed goes on at another one of the same fingerprint, and at no other', async () => {
  const env = { ROSEINFER_API_KEY: 'secret-of-tests' };
  const [first, second, other] = await Promise.all([
    startProcess([], env),
    startProcess([], env),
    startProcess(['--kv-dtype', 'f16'], env),
  ]);
  const send = (url: string, body: object) =>
    fetch(`${url}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
  const choiceOf = async (url: string, body: object) => JSON.parse(await (await send(url, body)).text()).choices[0];
  const call = {
    prompt: 'Once upon a time',
    max_tokens: 40,
    min_tokens: 30,
    seed: 11,
    repetition_penalty: 1.2,
    frequency_penalty: 0.3,
    stop: [' the'],
    return_token_ids: true,
  };
  const whole = await choiceOf(first.url, call);
  expect(whole.token_ids.length).toBeGreaterThanOrEqual(30);
  const stream = await send(first.url, { ...call, stream: true });
  const ids: number[] = [];
  let fingerprint = '';
  const parser = createParser({
    onEvent: ({ data }) => {
      const { choices, system_fingerprint } = JSON.parse(data);
      fingerprint = system_fingerprint;
      if (ids.length < 12) ids.push(...choices[0].token_ids);
    },
  });
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  while (ids.length < 12) parser.feed((await reader.read()).value ?? '');
  first.child.kill('SIGKILL');
  await reader.cancel().catch(() => {});
  const resume = { ids, system_fingerprint: fingerprint };
  const { token_ids, text, finish_reason, stop_reason } = await choiceOf(second.url, { ...call, resume });
  expect({ token_ids, text, finish_reason, stop_reason }).toMatchObject({
    token_ids: whole.token_ids,
    text: whole.text,
    finish_reason: whole.finish_reason,
    stop_reason: whole.stop_reason,
  });
  expect((await send(other.url, { ...call, resume })).status).toBe(409);
  for (const { child } of [second, other]) {
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }
});

describe('refuses', () => {
  const serve = (argv: readonly string[], env = {}) => runNode(['src/cli/roseinfer.js', 'serve', ...argv], { env });

  test.each<[argv: string[], message: RegExp, code?: number]>([
    [
      ['--host', '0.0.0.0'],
      /^--host is "0\.0\.0\.0", which others reach, without a key, expected a key by ROSEINFER_API_KEY/,
      1,
    ],
    [['--port', '70000'], /^--port is 70000, expected an integer from 0 to 65535/],
    [['--max-queue', '-1'], /^--max-queue is -1/],
    [['--request-timeout', '1e9'], /^--request-timeout is "1e9", expected a number > 0, at most 604800/],
    [['--drain-timeout', '1e9'], /^--drain-timeout is "1e9", expected a number from 0 to 604800/],
    [['--host', '192.0.2.1', '--insecure'], /^--host is "192\.0\.2\.1", at which this machine can't listen/, 1],
    [['--cors', 'chat.example'], /^origin 1 of cors is "chat\.example", expected scheme and host/],
    [['--allowed-hosts', 'a:80'], /^allowed host 1 is "a:80", expected a name or an address without port/],
    [['--api-key', 'secret'], /^unknown flag "--api-key"/],
    [['nowhere'], /^nowhere: model directory is missing/, 1],
  ])('%j with one line, and 2 unless the machine is at fault', (argv, message, code = 2) => {
    const { status, stdout, stderr } = serve(argv, { ROSEINFER_API_KEY: '' });
    expect({ status, stdout }).toEqual({ status: code, stdout: '' });
    expect(errorsIn(stderr)).toEqual([expect.stringMatching(message)]);
  });
});

test('help has examples', () => {
  expect(runNode(['src/cli/roseinfer.js', 'serve', '--help']).stdout).toContain('roseinfer serve weights/tales');
});
