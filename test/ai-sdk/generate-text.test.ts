// Answers through the AI SDK as it comes: what it asks for is what the engine would give alone.
import { generateText, streamText } from 'ai';
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { openTestProvider } from '../support/ai-sdk-provider.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, talesTokenizer as tokenizer } from '../support/server/test-server.ts';

Reflect.set(globalThis, 'AI_SDK_LOG_WARNINGS', false);

const PROMPT = 'Who came to the castle?';
/** The chat as a model without a template reads it. */
const WRITTEN = `[system]\nBe brief.\nUser: ${PROMPT}\nAssistant:`;
const call = { system: 'Be brief.', prompt: PROMPT, maxOutputTokens: 12, seed: 3, maxRetries: 0 };

/** What the engine gives alone. */
async function alone(sampling: object, prompt = WRITTEN) {
  await using engine = new Engine({ runner: new FakeRunner(SERVER_LIMITS), tokenizer, prefixCache: false });
  return await engine.generate({ prompt, parseSpecial: false, isWholeText: true, sampling });
}

test('an answer has the ids, text, usage and metadata of the engine alone', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer('tales');
  const expected = await alone({ maxTokens: 12, seed: 3 });
  const before = Date.now();
  const { text, finishReason, usage, response, providerMetadata, warnings } = await generateText({ ...call, model });
  expect(text).toBe(expected.text);
  expect(finishReason).toBe('length');
  expect(warnings).toEqual([]);
  expect(usage).toMatchObject({
    inputTokens: expected.promptTokens,
    inputTokenDetails: { noCacheTokens: expected.promptTokens, cacheReadTokens: 0 },
    outputTokens: 12,
  });
  expect(response).toMatchObject({ modelId: 'tales', id: expect.any(String) });
  expect(response.timestamp.getTime()).toBeGreaterThanOrEqual(before);
  expect(providerMetadata?.roseinfer).toEqual({
    fingerprint: null,
    seed: 3,
    ids: [...expected.ids],
    stopReason: null,
    timings: {
      queued: expect.any(Number),
      ttft: expect.any(Number),
      tpot: expect.any(Number),
      e2e: expect.any(Number),
    },
    logprobs: null,
  });
});

test('a second call with the same beginning reads it from the prefix cache, and says so', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer('tales');
  await generateText({ ...call, model });
  const { usage } = await generateText({ ...call, model });
  const cached = usage.inputTokenDetails.cacheReadTokens ?? 0;
  expect(cached).toBeGreaterThan(0);
  expect(usage.inputTokenDetails.noCacheTokens).toBe((usage.inputTokens ?? 0) - cached);
  const salted = await generateText({ ...call, model, providerOptions: { roseinfer: { cacheSalt: 'mine' } } });
  expect(salted.usage.inputTokenDetails.cacheReadTokens).toBe(0);
});

test('a stream gives the same text, usage and metadata as a whole answer', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer.languageModel('tales');
  const whole = await generateText({ ...call, model });
  const stream = streamText({ ...call, model });
  const pieces: string[] = [];
  for await (const piece of stream.textStream) pieces.push(piece);
  expect(pieces.length).toBeGreaterThan(3);
  expect(pieces.join('')).toBe(whole.text);
  expect(await stream.finishReason).toBe('length');
  expect((await stream.usage).outputTokens).toBe(12);
  const { ids, seed } = (await stream.providerMetadata)?.roseinfer ?? {};
  expect({ ids, seed }).toEqual({ ids: whole.providerMetadata?.roseinfer?.ids, seed: 3 });
  expect((await stream.response).modelId).toBe('tales');
});

test('settings and options of the provider reach the sampler', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer('tales');
  const settings = { temperature: 0.5, topP: 0.9, topK: 7, presencePenalty: 1, frequencyPenalty: 0.5 };
  const own = { minP: 0.1, repetitionPenalty: 1.5, logitBias: { 7: 2 }, stopTokenIds: [9], minTokens: 2, logprobs: 1 };
  const { providerMetadata } = await generateText({ ...call, ...settings, model, providerOptions: { roseinfer: own } });
  const [row] = opened.runner.plans[0]!.samplingRows;
  const { temperature, topP, topK } = settings;
  expect(row).toMatchObject({ temperature, topP, topK, minP: 0.1, seed: 3, logprobs: 1 });
  expect(row?.adjustment).toMatchObject({ presencePenalty: 1, frequencyPenalty: 0.5, repetitionPenalty: 1.5 });
  const expected = await alone({ ...settings, ...own, maxTokens: 12, seed: 3 });
  expect(providerMetadata?.roseinfer?.ids).toEqual(expected.ids);
  const first = expected.logprobs![0]!;
  const text = (id: number) => tokenizer.decode([id], { skipSpecialTokens: false });
  const [record] = Array.from(Object(providerMetadata?.roseinfer?.logprobs));
  expect(record).toEqual({
    ...first,
    token: text(first.id),
    top: [{ ...first.top[0], token: text(first.top[0]!.id) }],
  });
});

test('a stop sequence ends the text before it', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer('tales');
  const { text } = await generateText({ ...call, model });
  const stop = text.slice(5, 8);
  const stopped = await generateText({ ...call, model, stopSequences: [stop] });
  expect(stopped).toMatchObject({ finishReason: 'stop', text: text.slice(0, text.indexOf(stop)) });
  expect(stopped.providerMetadata?.roseinfer?.stopReason).toBe(stop);
});

test('without a length, an answer may take the room that the messages leave', async () => {
  await using opened = openTestProvider();
  const { maxOutputTokens: _, ...rest } = call;
  const { usage } = await generateText({
    ...rest,
    model: opened.roseinfer('tales'),
    providerOptions: { roseinfer: { ignoreEos: true } },
  });
  expect((usage.inputTokens ?? 0) + (usage.outputTokens ?? 0)).toBe(SERVER_LIMITS.maxModelLen);
});
