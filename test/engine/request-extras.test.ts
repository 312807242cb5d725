// Parts of a request and its stream that a server needs: id, end, log-probabilities, reason of an abort, plain prompts.
import { beforeAll, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { TextPiece } from '../../src/engine/request.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { EOS, FaultyRunner, HeldRunner, TestClock, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const request = { promptIds: [1, 2], sampling: { maxTokens: 5, seed: 1, ignoreEos: true } };

test('a stream knows its request by id, given or drawn, and its end before it is read', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const stream = engine.stream({ ...request, requestId: 'mine' });
  expect(stream.requestId).toBe('mine');
  const finished = await stream.finished;
  expect(finished).toMatchObject({ requestId: 'mine', finishReason: 'length' });
  const ids: number[] = [];
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) ids.push(next.value.id);
  expect(ids).toEqual(finished.ids);
  expect(next.value).toBe(finished);
  expect(engine.stream(request).requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('the end of a stream whose request failed resolves, though reading it throws', async () => {
  const runner = new FaultyRunner(0, () => Promise.reject(new Error('no luck')));
  await using engine = new Engine({ runner, tokenizer });
  const stream = engine.stream(request);
  expect(await stream.finished).toMatchObject({ finishReason: 'error', error: 'no luck' });
  await expect(stream.next()).rejects.toThrow('no luck');
});

test('a piece has the log-probabilities of its id where the request asks for them', async () => {
  await using engine = new Engine({ runner: talesRunner(), tokenizer });
  const stream = engine.stream({ ...request, sampling: { ...request.sampling, logprobs: 2 } });
  const pieces: TextPiece[] = [];
  for await (const piece of stream) pieces.push(piece);
  const { logprobs } = await stream.finished;
  expect(pieces.map((piece) => piece.logprobs)).toEqual(logprobs);
  expect(pieces.map((piece) => piece.logprobs?.id)).toEqual(pieces.map(({ id }) => id));
  for await (const { logprobs } of engine.stream(request)) expect(logprobs).toBeNull();
});

test("an abort keeps its signal's reason, whatever that is, and no other end has one", async () => {
  const runner = new HeldRunner();
  const clock = new TestClock();
  await using engine = new Engine({ runner, tokenizer, clock });
  const reason = new Error('client went away');
  const before = engine.addRequest({ ...request, signal: AbortSignal.abort(reason) });
  expect(await before.finished).toMatchObject({ finishReason: 'abort', abortReason: reason, error: null });
  const controller = new AbortController();
  const during = engine.addRequest({ ...request, signal: controller.signal });
  controller.abort('shut down');
  expect(await during.finished).toMatchObject({ finishReason: 'abort', abortReason: 'shut down' });
  const byId = engine.addRequest({ ...request, requestId: 'by id' });
  engine.abort('by id');
  expect(await byId.finished).toMatchObject({ finishReason: 'abort', abortReason: null });
  const late = engine.addRequest({ ...request, deadlineMs: 5 });
  clock.time = 6;
  await engine.step();
  expect(await late.finished).toMatchObject({
    finishReason: 'abort',
    abortReason: null,
    error: expect.stringMatching(/^deadline/),
  });
  await using other = new Engine({ runner: talesRunner(), tokenizer });
  expect((await other.generate({ ...request, signal: new AbortController().signal })).abortReason).toBeNull();
});

test('a prompt that spells a special token is that token, or plain text with parseSpecial: false', async () => {
  const special = tokenizer.decode([EOS], { skipSpecialTokens: false });
  const prompt = `Once ${special}`;
  const [parsed, plain] = [tokenizer.encode(prompt), tokenizer.encode(prompt, { parseSpecial: false })];
  expect(parsed).toContain(EOS);
  expect(plain).not.toContain(EOS);
  const runner = talesRunner();
  await using engine = new Engine({ runner, tokenizer });
  const promptOf = async (parseSpecial?: boolean) => {
    runner.plans.length = 0;
    await engine.generate({ prompt, parseSpecial, cacheSalt: String(parseSpecial), sampling: { maxTokens: 1 } });
    return [...runner.plans[0]!.tokenIds];
  };
  expect(await promptOf()).toEqual(parsed);
  expect(await promptOf(true)).toEqual(parsed);
  expect(await promptOf(false)).toEqual(plain);
});
