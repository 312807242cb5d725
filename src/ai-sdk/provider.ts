// The provider: one model under one id, so that what an application asks for is what it has loaded.
import { type EmbeddingModelV4, type LanguageModelV4, NoSuchModelError, type ProviderV4 } from '@ai-sdk/provider';
import { RangeValueError } from '../util/errors.ts';
import { RoseinferEmbeddingModel } from './embedding-model.ts';
import { RoseinferLanguageModel } from './language-model.ts';
import { ModelSource } from './model-source.ts';
import { checkRoseinferOptions, idOf, type RoseinferOptions } from './provider-options.ts';

/** A provider of the AI SDK whose model runs in this process. */
export interface RoseinferProvider extends ProviderV4, AsyncDisposable {
  /** Gives the language model. @throws NoSuchModelError for another id than `modelId`. */
  (modelId: string): LanguageModelV4;
  /** Id of its model. */
  readonly modelId: string;
  /**
   * Takes no more calls. A model that the provider has loaded is closed, which ends the calls under way; an `llm` or `engine` that was given stays
   * open, and so do its calls. Idempotent.
   */
  close(): Promise<void>;
}

type ModelType = ConstructorParameters<typeof NoSuchModelError>[0]['modelType'];

/**
 * Makes a provider for the AI SDK. A model that is named is loaded by the first call, and freed by `close`.
 *
 * @throws RangeValueError for options that are unknown, of another type, or don't go together.
 *
 * @example
 * ```ts
 * import { generateText } from 'ai';
 * import { createRoseinfer } from 'roseinfer/ai-sdk';
 *
 * await using roseinfer = createRoseinfer();
 * const { text } = await generateText({ model: roseinfer('tales'), prompt: 'Who came?', maxOutputTokens: 10, seed: 1 });
 * console.log(text);
 * ```
 */
export function createRoseinfer(options: RoseinferOptions = {}): RoseinferProvider {
  checkRoseinferOptions(options);
  const modelId = idOf(options) ?? '';
  const source = new ModelSource(options);
  const languageModel = (id: string): LanguageModelV4 => {
    if (id !== modelId) throw noSuchModel(id, 'languageModel');
    return new RoseinferLanguageModel(modelId, source);
  };
  const embeddingModel = (id: string): EmbeddingModelV4 => {
    if (id !== modelId) throw noSuchModel(id, 'embeddingModel');
    return new RoseinferEmbeddingModel(modelId, source);
  };
  const noSuchModel = (id: string, modelType: ModelType) => {
    const { message } = new RangeValueError(
      modelType,
      id,
      modelType === 'imageModel' ? 'none' : JSON.stringify(modelId),
    );
    return new NoSuchModelError({ modelId: id, modelType, message });
  };
  const none = (modelType: ModelType) => (id: string) => {
    throw noSuchModel(id, modelType);
  };
  const close = () => source.close();
  return Object.assign((id: string) => languageModel(id), {
    specificationVersion: 'v4' as const,
    modelId,
    languageModel,
    embeddingModel,
    imageModel: none('imageModel'),
    close,
    [Symbol.asyncDispose]: close,
  });
}
