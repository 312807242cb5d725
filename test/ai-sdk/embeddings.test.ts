// Embeddings by the AI SDK: its own functions get the engine's vectors, and its errors.
import { cosineSimilarity, createProviderRegistry, embed, embedMany } from 'ai';
import { describe, expect, test } from 'vitest';
import { createRoseinfer } from '../../src/ai-sdk/index.ts';
import { unitVector } from '../../src/util/unit-vector.ts';
import { openTestProvider } from '../support/ai-sdk-provider.ts';
import { fakeEmbedding } from '../support/engine/fake-runner.ts';
import { FaultyRunner, HeldRunner } from '../support/engine/test-runners.ts';
import { SERVER_LIMITS, talesTokenizer as tokenizer } from '../support/server/test-server.ts';

const values = ['Once upon a time', 'There was a king', 'x'];
const idsOf = (text: string) => tokenizer.encode(text, { parseSpecial: false });
const want = values.map((text) => [...unitVector(fakeEmbedding(idsOf(text)))]);

test('embed and embedMany give the vectors of length 1, their tokens and the fingerprint', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer.embeddingModel('tales');
  const one = await embed({ model, value: values[0]! });
  expect(one.embedding).toEqual(want[0]);
  expect(one.usage.tokens).toBe(idsOf(values[0]!).length);
  expect(one.providerMetadata?.roseinfer).toEqual({ fingerprint: null, cachedTokens: 0 });
  const many = await embedMany({ model, values });
  expect(many.embeddings).toEqual(want);
  expect(many.usage.tokens).toBe(values.reduce((total, text) => total + idsOf(text).length, 0));
  expect(cosineSimilarity(many.embeddings[0]!, one.embedding)).toBeCloseTo(1, 10);
  const registry = createProviderRegistry({ roseinfer: opened.roseinfer });
  const registered = await embed({ model: registry.embeddingModel('roseinfer:tales'), value: values[1]! });
  expect(registered.embedding).toEqual(want[1]);
});

test('options of the engine: the last hidden state as it is, from the cache where there is one', async () => {
  await using opened = openTestProvider();
  const model = opened.roseinfer.embeddingModel('tales');
  const value = `${values[0]} ${values[1]}`;
  const call = { model, value, providerOptions: { roseinfer: { pooling: 'last', normalize: false } } };
  await embed(call);
  const { embedding, providerMetadata } = await embed(call);
  expect(embedding).toEqual([...fakeEmbedding(idsOf(value), 'last')]);
  expect(providerMetadata?.roseinfer?.cachedTokens).toBeGreaterThan(0);
});

test('many values take one call and one signal, without a warning of the process', async () => {
  await using opened = openTestProvider();
  const warnings: string[] = [];
  const listen = ({ name }: Error) => warnings.push(name);
  process.on('warning', listen);
  const texts = Array.from({ length: 40 }, (_, i) => `story ${i}`);
  const { signal: abortSignal } = new AbortController();
  const { embeddings } = await embedMany({
    model: opened.roseinfer.embeddingModel('tales'),
    values: texts,
    abortSignal,
  });
  expect(embeddings).toEqual(texts.map((text) => [...unitVector(fakeEmbedding(idsOf(text)))]));
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

describe('errors are the SDK’s:', () => {
  const call = { value: 'a', maxRetries: 0 };

  test.each([
    [{ pooling: 'max' }, 'pooling is "max", expected one of mean, last'],
    [{ pool: 'mean' }, 'key of providerOptions.roseinfer is "pool", expected one of'],
    [{ normalize: 1 }, 'normalize is 1, expected true or false'],
    [{ priority: 101 }, 'priority is 101'],
  ])('options %o', async (roseinfer, message) => {
    await using opened = openTestProvider();
    const model = opened.roseinfer.embeddingModel('tales');
    await expect(embed({ ...call, model, providerOptions: { roseinfer } })).rejects.toMatchObject({
      name: 'AI_InvalidArgumentError',
      message: expect.stringContaining(message),
    });
  });

  test('another width, a value that the context does not hold, and another model', async () => {
    await using opened = openTestProvider();
    const model = opened.roseinfer.embeddingModel('tales');
    const { embeddings } = await model.doEmbed({ values: ['a'], dimensions: 2 });
    expect(embeddings).toHaveLength(1);
    await expect(model.doEmbed({ values: ['a'], dimensions: 3 })).rejects.toThrow(
      'dimensions is 3, expected 2, the width of the model',
    );
    await expect(embed({ ...call, model, value: 'a'.repeat(100_000) })).rejects.toThrow('value length is 100000');
    await expect(embed({ ...call, model, value: 'a b '.repeat(200) })).rejects.toThrow('prompt length is');
    expect(() => createRoseinfer().embeddingModel('other')).toThrow('embeddingModel is "other", expected "tales"');
  });

  test('a fault, a deadline, a signal, and a provider that is closed', async () => {
    const fault = () => Promise.reject(new Error('step failed'));
    await using faulty = openTestProvider({}, {}, new FaultyRunner(0, fault, SERVER_LIMITS));
    const failed = embed({ ...call, model: faulty.roseinfer.embeddingModel('tales') });
    await expect(failed).rejects.toMatchObject({ name: 'AI_APICallError', isRetryable: false });
    const runner = new HeldRunner(SERVER_LIMITS);
    await using held = openTestProvider({}, {}, runner);
    const model = held.roseinfer.embeddingModel('tales');
    const providerOptions = { roseinfer: { deadlineMs: 5 } };
    await expect(embed({ ...call, model, providerOptions })).rejects.toMatchObject({
      name: 'AI_APICallError',
      message: expect.stringContaining('deadline passed'),
    });
    const why = new Error('no longer needed');
    const controller = new AbortController();
    const aborted = embed({ ...call, model, abortSignal: controller.signal });
    setTimeout(() => controller.abort(why), 5);
    await expect(aborted).rejects.toBe(why);
    runner.settle();
    await held.roseinfer.close();
    await expect(embed({ ...call, model })).rejects.toThrow('provider is closed');
  });
});
