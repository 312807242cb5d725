// The toy's config.json in the project's words. No key but `tie_word_embeddings` is called as GPT-2's, and the heads are
// together as wide as they like: H · D need not be C.
import { type ModelConfig, parseEosIds, readConfig } from '../../../src/models/config.ts';

/** Columns of an MLP for each of the residual stream. */
const MLP_FACTOR = 3;

/**
 * Checks a parsed config.json; `source` names it in errors.
 *
 * @throws ConfigError naming the key, its value and what was expected.
 */
export function parseToyConfig(config: unknown, source: string): ModelConfig {
  const { json, fail, size, flag } = readConfig(config, source);
  const hiddenSize = size('width');
  return {
    numLayers: size('depth'),
    numHeads: size('heads'),
    numKVHeads: size('heads'),
    headDim: size('head_width'),
    hiddenSize,
    mlpSize: MLP_FACTOR * hiddenSize,
    vocabSize: size('vocabulary'),
    numPositions: size('places'),
    window: null,
    tieWordEmbeddings: flag('tie_word_embeddings', false),
    eosTokenIds: parseEosIds(json.end ?? null, fail),
    ignoredKeys: [],
  };
}

/** Configurations of toys with random weights, by name. */
export const RANDOM_CONFIGS: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([
  ['toy', { depth: 2, heads: 2, head_width: 16, width: 24, vocabulary: 8192, places: 64, end: 8191 }],
]);
