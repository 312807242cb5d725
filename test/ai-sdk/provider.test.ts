// The provider: its ids, its options, whose model it closes, and its place among the SDK's other helpers.
import { APICallError } from '@ai-sdk/provider';
import {
  createProviderRegistry,
  customProvider,
  defaultSettingsMiddleware,
  generateText,
  streamText,
  wrapLanguageModel,
} from 'ai';
import { describe, expect, test } from 'vitest';
import { createRoseinfer } from '../../src/ai-sdk/index.ts';
import { Engine } from '../../src/engine/engine.ts';
import { load } from '../../src/load.ts';
import { openTestProvider } from '../support/ai-sdk-provider.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, talesTokenizer as tokenizer } from '../support/server/test-server.ts';

const call = { prompt: 'Who came?', maxOutputTokens: 4, seed: 2, maxRetries: 0 };

describe('a model', () => {
  test('is asked for by its id, and no other', () => {
    const roseinfer = createRoseinfer();
    expect(roseinfer('tales')).toMatchObject({ specificationVersion: 'v4', provider: 'roseinfer', modelId: 'tales' });
    const error = { name: 'AI_NoSuchModelError', modelId: 'gpt-5' };
    expect(() => roseinfer('gpt-5')).toThrow(expect.objectContaining(error));
    expect(() => roseinfer.languageModel('gpt-5')).toThrow('languageModel is "gpt-5", expected "tales"');
    expect(roseinfer.embeddingModel('tales')).toMatchObject({ specificationVersion: 'v4', modelId: 'tales' });
    const noEmbedding = expect.objectContaining({ modelType: 'embeddingModel' });
    expect(() => roseinfer.embeddingModel('gpt-5')).toThrow(noEmbedding);
    expect(() => roseinfer.imageModel('tales')).toThrow(expect.objectContaining({ modelType: 'imageModel' }));
  });

  test.each([
    [{}, 'tales'],
    [{ model: 'weights/tales' }, 'tales'],
    [{ model: '/models/smol.gguf' }, 'smol'],
    [{ model: 'random:gpt2' }, 'random:gpt2'],
    [{ model: 'weights/tales', modelId: 'mine' }, 'mine'],
  ])('of %o has the id %s', (options, id) => expect(createRoseinfer(options).modelId).toBe(id));
});

describe('options', () => {
  const runner = new FakeRunner(SERVER_LIMITS);
  const engine = new Engine({ runner, tokenizer });

  test.each<[message: string, options: object]>([
    ['did you mean "model"?', { modl: 'a' }],
    ['model is "", expected the name of a model', { model: '' }],
    ['model is an object, expected a text that is not empty', { model: { runner, tokenizer } }],
    ['expected an LLM, as load gives it', { llm: engine }],
    ['expected an Engine', { engine: runner }],
    ['model is undefined, expected the model that the engine runs on, with its runner and tokenizer', { engine }],
    ['modelId is undefined, expected a name, as the model has none', { engine, model: { runner, tokenizer } }],
    [
      'load is an object, expected nothing beside engine',
      { engine, model: { runner, tokenizer }, modelId: 'a', load: {} },
    ],
    ['modelId is 7', { modelId: 7 }],
  ])('are refused: %s', (message, options) => expect(() => createRoseinfer(options)).toThrow(message));
});

describe('an engine that was given', () => {
  test('stays open when the provider is closed, which takes no more calls', async () => {
    await using opened = openTestProvider();
    const model = opened.roseinfer('tales');
    const { text } = await generateText({ ...call, model });
    await opened.roseinfer.close();
    await opened.roseinfer.close();
    await expect(generateText({ ...call, model })).rejects.toMatchObject({
      name: 'AI_APICallError',
      message: 'provider is closed, expected calls before close()',
      isRetryable: false,
    });
    const { text: after } = await opened.engine.generate({
      prompt: 'User: Who came?\nAssistant:',
      isWholeText: true,
      sampling: { maxTokens: 4, seed: 2 },
    });
    expect(after).toBe(text);
  });
});

describe('a model that is loaded', () => {
  const sizes = { maxModelLen: 64, warmUp: false, tune: 'off' } as const;

  test('by its name: on the first call, by one of several at once; freed by close', async () => {
    await using llm = await load('weights/tales', sizes);
    const roseinfer = createRoseinfer({ model: 'weights/tales', load: sizes });
    const given = createRoseinfer({ llm });
    const answers = await Promise.all([
      ...[1, 2].map(() => generateText({ ...call, model: roseinfer('tales') })),
      generateText({ ...call, model: given('tales') }),
    ]);
    const facts = answers.map(({ providerMetadata }) => providerMetadata?.roseinfer);
    const { ids } = await llm.generate('User: Who came?\nAssistant:', { maxTokens: 4, seed: 2 });
    for (const each of facts)
      expect(each).toMatchObject({ ids, fingerprint: expect.stringMatching(/^fp_[0-9a-f]{32}$/) });
    expect(new Set(facts.map((each) => each?.fingerprint)).size).toBe(1);
    const late = streamText({ ...call, maxOutputTokens: 40, model: roseinfer('tales') });
    for await (const _ of late.textStream) await roseinfer.close();
    expect(await late.finishReason).toBe('interrupted');
    await given.close();
    expect((await llm.generate('Once', { maxTokens: 1 })).ids).toHaveLength(1);
  }, 60_000);

  test('is not loaded for a call that was aborted before', async () => {
    let plans = 0;
    const roseinfer = createRoseinfer({ load: { ...sizes, onPlan: () => void plans++ } });
    const answer = generateText({ ...call, model: roseinfer('tales'), abortSignal: AbortSignal.abort() });
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    await roseinfer.close();
    expect(plans).toBe(0);
  });

  test('is freed where the provider is closed while it loads', async () => {
    let closed: Promise<void> | undefined;
    const onPlan = () => {
      closed ??= roseinfer.close();
    };
    const roseinfer = createRoseinfer({ load: { ...sizes, onPlan } });
    const answer = generateText({ ...call, model: roseinfer('tales') });
    await expect(answer).rejects.toMatchObject({ message: expect.stringContaining('provider is closed') });
    await closed;
  });

  test('a name that is none is told at the first call', async () => {
    await using roseinfer = createRoseinfer({ model: 'weights/nowhere' });
    const answer = generateText({ ...call, model: roseinfer('nowhere') });
    await expect(answer).rejects.toMatchObject({
      name: 'AI_APICallError',
      message: expect.stringContaining('nowhere'),
      isRetryable: false,
    });
  });

  test('is tried again by the call after one that could not load it', async () => {
    let attempts = 0;
    const onPlan = () => {
      throw new Error(`attempt ${++attempts}`);
    };
    await using roseinfer = createRoseinfer({ load: { ...sizes, onPlan } });
    for (const message of ['attempt 1', 'attempt 2']) {
      await expect(generateText({ ...call, model: roseinfer('tales') })).rejects.toThrow(message);
    }
  });
});

describe('errors', () => {
  const refused = async (more: object, options = {}) => {
    await using opened = openTestProvider({}, options);
    return await generateText({ ...call, ...more, model: opened.roseinfer('tales') }).catch((error: unknown) => error);
  };

  test.each<[what: string, more: object, message: string]>([
    ['a temperature', { temperature: -1 }, 'temperature is -1, expected a finite number ≥ 0'],
    ['a stop', { stopSequences: [''] }, 'stopSequences[0] is "", expected a text that is not empty'],
    ['a length', { maxOutputTokens: 300 }, 'maxOutputTokens is 300, expected at most'],
    ['a prompt', { prompt: 'a '.repeat(400) }, 'prompt length is'],
    ['a text that no context holds', { prompt: 'a'.repeat(1e6) }, 'prompt length is 1000000, expected at most'],
    ['a seed', { seed: -1 }, 'seed is -1'],
    ['an unknown option', { providerOptions: { roseinfer: { minTokns: 3 } } }, 'did you mean "minTokens"?'],
    [
      'an option',
      { providerOptions: { roseinfer: { minTokens: 5 } } },
      'minTokens is 5, expected at most maxOutputTokens, 4',
    ],
    ['a bias', { providerOptions: { roseinfer: { logitBias: { 99999: 1 } } } }, 'token id of logitBias is "99999"'],
    ['a salt', { providerOptions: { roseinfer: { cacheSalt: 7 } } }, 'cacheSalt is 7'],
  ])('%s out of range is an argument that is not valid', async (_, more, message) => {
    const error = await refused(more);
    expect(error).toMatchObject({ name: 'AI_InvalidArgumentError' });
    expect(String(error)).toContain(message);
  });

  test('a full queue may be tried again, a deadline that passed may not', async () => {
    const runner = new FakeRunner({ ...SERVER_LIMITS, maxBatchSize: 1 });
    await using opened = openTestProvider({}, { maxQueuedRequests: 0 }, runner);
    const model = opened.roseinfer('tales');
    opened.engine.addRequest({ promptIds: [1] });
    await expect(generateText({ ...call, model })).rejects.toMatchObject({
      name: 'AI_APICallError',
      isRetryable: true,
      message: expect.stringContaining('would make 1 request wait'),
    });
    await opened.engine.run();
    await generateText({ ...call, model });
    const late = await refused({ maxOutputTokens: 200, providerOptions: { roseinfer: { deadlineMs: 0.001 } } });
    expect(APICallError.isInstance(late) && [late.isRetryable, late.message]).toEqual([
      false,
      expect.stringContaining('deadline passed'),
    ]);
  });

  test('a fault in a step has the message of the engine', async () => {
    await using opened = openTestProvider();
    opened.runner.isBroken = () => true;
    const answer = generateText({ ...call, model: opened.roseinfer('tales') });
    await expect(answer).rejects.toMatchObject({
      name: 'AI_APICallError',
      message: expect.stringContaining('not finite'),
      isRetryable: false,
    });
  });
});

test('registries, wrapped models and custom providers of the SDK take it', async () => {
  await using opened = openTestProvider();
  const { roseinfer } = opened;
  const plain = await generateText({ ...call, model: roseinfer('tales') });
  const registry = createProviderRegistry({ roseinfer });
  const custom = customProvider({ languageModels: { small: roseinfer('tales') }, fallbackProvider: roseinfer });
  const wrapped = wrapLanguageModel({
    model: roseinfer('tales'),
    middleware: defaultSettingsMiddleware({ settings: { seed: 2 } }),
  });
  const { seed: _, ...unseeded } = call;
  const answers = await Promise.all([
    generateText({ ...call, model: registry.languageModel('roseinfer:tales') }),
    generateText({ ...call, model: custom.languageModel('small') }),
    generateText({ ...call, model: custom.languageModel('tales') }),
    generateText({ ...unseeded, model: wrapped }),
  ]);
  expect(answers.map(({ text }) => text)).toEqual(answers.map(() => plain.text));
});
