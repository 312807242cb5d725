// The embedding model as the AI SDK calls it: a value is a request of the engine, and all of a call end together.
import type { EmbeddingModelV4, EmbeddingModelV4CallOptions, EmbeddingModelV4Result } from '@ai-sdk/provider';
import type { Embedding, EmbeddingRequest } from '../engine/embedding.ts';
import { RequestAbortedError } from '../engine/errors.ts';
import { longestPrompt } from '../engine/longest-prompt.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import { toSdkError } from './errors.ts';
import type { ModelSource, OpenModel } from './model-source.ts';
import { untilAborted } from './until-aborted.ts';

/** Options of an embedding under `providerOptions.roseinfer`: `normalize` is true where it is absent. */
export type RoseinferEmbeddingOptions = Pick<
  EmbeddingRequest,
  'pooling' | 'normalize' | 'priority' | 'deadlineMs' | 'cacheSalt'
>;

const KEYS: KeyTable<RoseinferEmbeddingOptions> = {
  pooling: true,
  normalize: true,
  priority: true,
  deadlineMs: true,
  cacheSalt: true,
};

/** The embedding model of a provider. */
export class RoseinferEmbeddingModel implements EmbeddingModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'roseinfer';
  readonly modelId: string;
  /** Any number: they share the engine's steps, and its queue is bounded by its own options. */
  readonly maxEmbeddingsPerCall = Number.POSITIVE_INFINITY;
  readonly supportsParallelCalls = true;
  readonly #source: ModelSource;

  constructor(modelId: string, source: ModelSource) {
    this.modelId = modelId;
    this.#source = source;
  }

  /** @throws errors of the SDK, and the reason of a signal that aborts the call. */
  async doEmbed(options: EmbeddingModelV4CallOptions): Promise<EmbeddingModelV4Result> {
    const { values, dimensions, abortSignal: signal } = options;
    try {
      signal?.throwIfAborted();
      const own: unknown = options.providerOptions?.roseinfer ?? {};
      checkOptions(own);
      const model = await untilAborted(this.#source.open(), signal);
      const requests: EmbeddingRequest[] = [];
      for (const value of values) {
        const promptIds = await untilAborted(encode(model, value), signal);
        requests.push({ normalize: true, ...own, promptIds, signal });
      }
      const embeddings = await model.engine.embedBatch(requests);
      checkWidth(embeddings, dimensions);
      return {
        embeddings: embeddings.map(({ embedding }) => [...embedding]),
        usage: { tokens: sum(embeddings, ({ promptTokens }) => promptTokens) },
        providerMetadata: {
          roseinfer: {
            fingerprint: model.fingerprint,
            cachedTokens: sum(embeddings, ({ cachedTokens }) => cachedTokens),
          },
        },
        warnings: [],
      };
    } catch (error) {
      if (error instanceof RequestAbortedError) signal?.throwIfAborted();
      throw toSdkError(error, { modelId: this.modelId, prompt: values, hasTools: false });
    }
  }
}

/** Encodes a value; a long one lets others have turns meanwhile. @throws RangeValueError for one that the context can't hold. */
async function encode({ tokenizer, limits }: OpenModel, value: string): Promise<readonly number[]> {
  const longest = longestPrompt(tokenizer, limits);
  if (value.length > longest) throw new RangeValueError('value length', value.length, `at most ${longest} characters`);
  return await tokenizer.encodeAsync(value, { parseSpecial: false });
}

/** Refuses another width than the model's. @throws RangeValueError */
function checkWidth([first]: readonly Embedding[], dimensions: number | undefined): void {
  const width = first?.embedding.length ?? dimensions;
  if (dimensions !== undefined && dimensions !== width) {
    throw new RangeValueError('dimensions', dimensions, `${width}, the width of the model`);
  }
}

/** @throws RangeValueError for no object, and for an unknown key. Values are left for the request's own checks. */
function checkOptions(options: unknown): asserts options is RoseinferEmbeddingOptions {
  checkKeys('providerOptions.roseinfer', options, KEYS);
}

function sum(embeddings: readonly Embedding[], count: (embedding: Embedding) => number): number {
  return embeddings.reduce((total, each) => total + count(each), 0);
}
