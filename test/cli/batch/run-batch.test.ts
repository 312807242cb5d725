// The run of a batch over the fake runner: one result a line, whatever the lines are, in whatever order they end, and however often the run
// is cut.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { answerLine } from '../../../src/cli/batch/engine-answers.ts';
import { LineSet } from '../../../src/cli/batch/line-set.ts';
import { ResultFile } from '../../../src/cli/batch/result-file.ts';
import { type BatchRun, runBatch } from '../../../src/cli/batch/run-batch.ts';
import { deriveSeed } from '../../../src/core/sampling-params.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { rolesChat } from '../../../src/engine/roles-chat.ts';
import { Grammars } from '../../../src/server/grammars.ts';
import { SERVER_DEFAULTS } from '../../../src/server/server-options.ts';
import type { Ground } from '../../../src/server/serving.ts';
import { type FakeRunner, fakeCompletion } from '../../support/engine/fake-runner.ts';
import { talesRunner } from '../../support/engine/test-runners.ts';
import { talesTokenizer as tokenizer } from '../../support/server/test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const MAX_LINE = 2000;
const SEED = 7;
const json = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

interface Options extends Partial<Pick<BatchRun, 'ordered' | 'window' | 'signal' | 'onResult'>> {
  readonly runner?: FakeRunner;
  readonly path?: string;
  /** Bytes of a chunk of the input. */
  readonly chunk?: number;
}

function groundOf(runner: FakeRunner, engine: Engine): Ground {
  return {
    model: { name: 'tales', runner, tokenizer, embeddingSize: 1, fingerprint: 'fp_test' },
    engine,
    chat: rolesChat(tokenizer),
    grammars: new Grammars({ runner, tokenizer }, SERVER_DEFAULTS),
    isStopping: false,
    options: { requestTimeout: null },
  };
}

/** Runs a batch; gives the results as they stand in the file. */
async function run(input: string | Uint8Array, { runner = talesRunner(), chunk = 64, ...options }: Options = {}) {
  const path = options.path ?? join(temporaryDirectory(), 'out.jsonl');
  const bytes = Buffer.from(input);
  await using results = await ResultFile.open(path);
  const { done } = await results.recover(10_000);
  await using engine = new Engine({ runner, tokenizer });
  const ground = groundOf(runner, engine);
  const [outcome] = await Promise.allSettled([
    runBatch({
      input: async function* () {
        for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
      },
      maxLine: MAX_LINE,
      answer: (call) => answerLine(ground, call),
      results,
      done,
      seed: SEED,
      window: options.window ?? 8,
      ordered: options.ordered ?? false,
      signal: options.signal ?? new AbortController().signal,
      onResult: options.onResult ?? (() => {}),
    }),
  ]);
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return { outcome, results: lines.map((line) => JSON.parse(line)), path };
}

function expectedText(prompt: string, line: number, maxTokens: number): string {
  const seed = deriveSeed(SEED, line);
  const { eosIds } = tokenizer;
  const ids = fakeCompletion({ promptIds: tokenizer.encode(prompt), seed, maxTokens, eosIds, vocabSize: 8192 });
  return tokenizer.decode(ids, { skipSpecialTokens: true });
}

describe('a line', () => {
  test('is answered in either form, with a seed of its own from the seed of the run and its number', async () => {
    const body = { model: 'tales', prompt: 'Once', max_tokens: 5 };
    const { results } = await run(
      json(
        { custom_id: 'a', method: 'POST', url: '/v1/completions', body },
        { prompt: 'Once', max_tokens: 5 },
        { custom_id: 'b', prompt: 'Once', max_tokens: 5, seed: deriveSeed(SEED, 1) },
      ),
      { ordered: true },
    );
    const [first, second, third] = results;
    expect(first).toEqual({
      id: 'batch_req_1',
      custom_id: 'a',
      line: 1,
      response: { status_code: 200, request_id: first.response.body.id, body: expect.any(Object) },
      error: null,
    });
    const textOf = (result: typeof first) => result.response.body.choices[0].text;
    expect(textOf(first)).toBe(expectedText('Once', 1, 5));
    expect(second.custom_id).toBeNull();
    expect(textOf(second)).toBe(expectedText('Once', 2, 5));
    expect(textOf(third)).toBe(textOf(first));
    expect(first.response.body).toMatchObject({ object: 'text_completion', seed: deriveSeed(SEED, 1), model: 'tales' });
  });

  test('may be a chat, have several choices, log-probabilities, and nulls', async () => {
    const messages = [{ role: 'user', content: 'Hello' }];
    const body = { messages, max_tokens: 3, n: 2, stop: null };
    const { results } = await run(
      json(
        { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body },
        { messages, max_tokens: 3, logprobs: true },
      ),
      { ordered: true },
    );
    expect(results[0].response.body.choices).toHaveLength(2);
    expect(results[0].response.body.choices[1].message.role).toBe('assistant');
    expect(results[1].response.body.choices[0].logprobs.content).toHaveLength(3);
  });

  test.each([
    ['invalid_json', '{', null],
    ['invalid_json', '[1]', null],
    ['invalid_json', 'null', null],
    ['invalid_json', Buffer.from([0x22, 0xff, 0x22]), null],
    ['missing_parameter', '{}', null],
    ['invalid_value', '{"custom_id":7,"prompt":"a"}', null],
    ['invalid_url', '{"custom_id":"x","url":"/v1/embeddings","body":{}}', 'x'],
    ['invalid_value', '{"custom_id":"x","method":"GET","url":"/v1/completions","body":{}}', 'x'],
    ['missing_parameter', '{"custom_id":"x","url":"/v1/completions"}', 'x'],
    ['unknown_parameter', '{"custom_id":"x","url":"/v1/completions","body":{},"bodi":1}', 'x'],
    ['line_too_long', `{"prompt":"${'a'.repeat(MAX_LINE)}"}`, null],
    ['duplicate_custom_id', '{"custom_id":"first","prompt":"b"}', 'first'],
  ])('with the fault %s has an error with its number, and the rest goes on', async (code, line, customId) => {
    const good = json({ custom_id: 'first', prompt: 'a', max_tokens: 1 });
    const input = Buffer.concat([
      Buffer.from(good),
      Buffer.from(line),
      Buffer.from(`\n${json({ prompt: 'c', max_tokens: 1 })}`),
    ]);
    const { results, outcome } = await run(input, { ordered: true });
    expect(outcome.status).toBe('fulfilled');
    expect(results.map((result) => result.line)).toEqual([1, 2, 3]);
    expect(results[1]).toEqual({
      id: 'batch_req_2',
      custom_id: customId,
      line: 2,
      response: null,
      error: { code, message: expect.stringMatching(/^.* (is|expected) .*$/), line: 2 },
    });
    expect(results[2].response.status_code).toBe(200);
  });

  test.each([
    [{ prompt: 'a', temperature: -1 }, 'temperature', 400],
    [{ prompt: 'a', temperatur: 1 }, 'temperatur', 400],
    [{ prompt: 'a', stream: true }, 'stream', 400],
    [{ prompt: 'a', model: 'other' }, 'model', 404],
    [{ prompt: 'a', max_tokens: 5000 }, 'max_tokens', 400],
    [{ prompt: 5 }, 'prompt', 400],
  ])('with the body %j has the answer that the server gives', async (body, param, status) => {
    const { results } = await run(json(body));
    expect(results[0]).toMatchObject({
      line: 1,
      response: { status_code: status, request_id: null, body: { error: { param } } },
      error: null,
    });
  });

  test('may end with a carriage return or not at all, after a byte order mark and between blank ones, which count', async () => {
    const call = JSON.stringify({ prompt: 'a', max_tokens: 2 });
    for (const chunk of [1, 3, 1000]) {
      const { results } = await run(`\uFEFF${call}\r\n\r\n  \n${call}`, { chunk, ordered: true });
      expect(results.map(({ line, response }) => [line, response.status_code])).toEqual([
        [1, 200],
        [4, 200],
      ]);
    }
    expect((await run('')).results).toEqual([]);
    expect((await run('\n\n')).results).toEqual([]);
  });
});

/** Calls of many lengths: the later ones end first. */
const many = json(...Array.from({ length: 40 }, (_, i) => ({ prompt: 'Once', max_tokens: 1 + ((39 - i) % 13) })));
const linesOf = (results: readonly { readonly line: number }[]) => results.map(({ line }) => line);
const allLines = Array.from({ length: 40 }, (_, i) => i + 1);

test('results are in the order of the lines where that is wanted, and each line has one in any case', async () => {
  const free = linesOf((await run(many)).results);
  expect(free).not.toEqual(allLines);
  expect(free.toSorted((a, b) => a - b)).toEqual(allLines);
  expect(linesOf((await run(many, { ordered: true })).results)).toEqual(allLines);
});

test.each([true, false])('no more lines are read than the window holds (ordered: %s)', async (ordered) => {
  let [numAsked, numDone, most] = [0, 0, 0];
  const runner = talesRunner();
  const path = join(temporaryDirectory(), 'out.jsonl');
  await using results = await ResultFile.open(path);
  await using engine = new Engine({ runner, tokenizer });
  const ground = groundOf(runner, engine);
  await runBatch({
    input: async function* () {
      yield Buffer.from(many);
    },
    maxLine: MAX_LINE,
    answer: (call) => {
      numAsked++;
      most = Math.max(most, numAsked - numDone);
      return answerLine(ground, call);
    },
    results,
    done: new LineSet(),
    seed: SEED,
    window: 5,
    ordered,
    signal: new AbortController().signal,
    onResult: () => numDone++,
  });
  expect([most, numDone]).toEqual([5, 40]);
});

const withoutChance = (result: { line: number; response: { body: Record<string, unknown> } }) => {
  const { id: _, created: __, usage: ___, ...body } = result.response.body;
  return { line: result.line, body };
};

test.each([true, false])('a run that is cut goes on and ends as one that never was (ordered: %s)', async (ordered) => {
  const whole = await run(many, { ordered });
  const path = join(temporaryDirectory(), 'out.jsonl');
  for (const numUntilCut of [3, 9, 1]) {
    const abort = new AbortController();
    let left = numUntilCut;
    const onResult = () => --left === 0 && abort.abort(new Error('cut'));
    const { outcome, results } = await run(many, { path, ordered, signal: abort.signal, onResult });
    expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'cut' } });
    expect(results.length).toBeLessThan(40);
    // As a process leaves it that is killed while it writes.
    appendFileSync(path, '{"id":"batch_req_39","line":39,"resp');
  }
  const { results } = await run(many, { path, ordered });
  const byLine = (a: { line: number }, b: { line: number }) => a.line - b.line;
  if (ordered) expect(linesOf(results)).toEqual(allLines);
  expect(results.map(withoutChance).toSorted(byLine)).toEqual(whole.results.map(withoutChance).toSorted(byLine));
});

test('a device that is gone ends the run, and no line has a result of that', async () => {
  const runner = talesRunner();
  const compute = runner.compute.bind(runner);
  runner.compute = (plan) => {
    if (runner.plans.length < 20) return compute(plan);
    Object.assign(runner, { failure: new Error('lost') });
    throw new Error('lost');
  };
  const { outcome, results, path } = await run(many, { runner });
  expect(outcome).toMatchObject({ status: 'rejected', reason: { status: 503, code: 'device_failed' } });
  expect(results.length).toBeGreaterThan(0);
  expect(results.every(({ response }) => response.status_code === 200)).toBe(true);
  expect((await run(many, { path })).results).toHaveLength(40);
});

test('results that are none, or two of a line, are refused by their place', async () => {
  const path = join(temporaryDirectory(), 'out.jsonl');
  const { results } = await run(json({ prompt: 'a', max_tokens: 1 }), { path });
  const recover = async (text: string) => {
    writeFileSync(path, text);
    await using file = await ResultFile.open(path);
    return await file.recover(5);
  };
  const [line] = results.map((result) => JSON.stringify(result));
  expect((await recover(`${line}\n`)).done.has(1)).toBe(true);
  await expect(recover(`${line}\n${line}\n`)).rejects.toThrow(/^line 2 of ".*out.jsonl" is another result of line 1/);
  await expect(recover('hello\n')).rejects.toThrow(/^line 1 of ".*out.jsonl" is no result/);
  await expect(recover(`${line?.replace('"line":1', '"line":6')}\n`)).rejects.toThrow(/^line 1 of .* no result/);
});

test.runIf(existsSync('/dev/full'))('a full disk ends the run and is named', async () => {
  await using file = await ResultFile.open('/dev/full');
  const message = expect.stringMatching(/^--output is "\/dev\/full" \(ENOSPC\), expected room on its disk/);
  await expect(Promise.all([file.append('a\n'), file.append('b\n')])).rejects.toMatchObject({ message });
  await expect(file.append('c\n')).rejects.toMatchObject({ message });
});
