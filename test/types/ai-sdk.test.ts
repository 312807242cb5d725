// Read by `tsc`, not run: types of the provider for the AI SDK. Each expected error must be one, and nothing else may be.
import type {
  EmbeddingModelV4,
  JSONObject,
  LanguageModelV4,
  ProviderV4,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider';
import type { LanguageModel } from 'ai';
import { expectTypeOf, test } from 'vitest';
import {
  createRoseinfer,
  type RoseinferCallOptions,
  type RoseinferEmbeddingOptions,
  type RoseinferMetadata,
  type RoseinferOptions,
  type RoseinferProvider,
} from '../../src/ai-sdk/index.ts';
import type { Engine, LLM, LoadedModel } from '../../src/index.ts';

test('the provider and its models are those of the SDK', () => {
  expectTypeOf<RoseinferProvider>().toExtend<ProviderV4>();
  expectTypeOf<ReturnType<RoseinferProvider>>().toEqualTypeOf<LanguageModelV4>();
  expectTypeOf<ReturnType<RoseinferProvider['languageModel']>>().toExtend<LanguageModel>();
  expectTypeOf<ReturnType<RoseinferProvider['embeddingModel']>>().toEqualTypeOf<EmbeddingModelV4>();
  expectTypeOf<RoseinferProvider>().toExtend<AsyncDisposable>();
});

test('options and metadata of a call are JSON as the SDK has it', () => {
  expectTypeOf<RoseinferCallOptions>().toExtend<JSONObject>();
  expectTypeOf<RoseinferEmbeddingOptions>().toExtend<JSONObject>();
  expectTypeOf<{ readonly roseinfer: RoseinferMetadata }>().toExtend<SharedV4ProviderMetadata>();
  ({ minTokens: 2, cacheSalt: 'a', logitBias: { 7: 1 } }) satisfies RoseinferCallOptions;
  // @ts-expect-error: the SDK has a setting of its own for it
  ({ temperature: 1 }) satisfies RoseinferCallOptions;
});

test('a provider has a model by its name, one that is open, or an engine and its model', () => {
  void ((llm: LLM, engine: Engine, model: LoadedModel): RoseinferOptions[] => [
    {},
    { model: 'weights/tales', load: { maxModelLen: 64, scheduler: 'online' } },
    { llm, modelId: 'mine' },
    { engine, model },
    { engine, model: { runner: model.runner, tokenizer: model.tokenizer }, modelId: 'mine', fingerprint: 'a' },
    // @ts-expect-error: without its model
    { engine },
    // @ts-expect-error: two models
    { llm, model: 'weights/tales' },
    // @ts-expect-error: it is loaded already
    { llm, load: {} },
  ]);
  expectTypeOf(createRoseinfer).toBeCallableWith();
});
