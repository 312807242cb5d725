// Proof that a server computed the prompts of a run. A prefix cache that knew them would answer at once, and the run would show the
// cache's speed as the engine's: so prompts are new in every run, and what the server says about its cache is checked.
import { hashSeed, pcg4d, splitSeed } from '../../src/util/rng.ts';
import { present, sum } from '../../src/util/statistics.ts';
import type { Arrival } from '../load/workload.ts';
import type { Usage } from './read-completion.ts';

/** Evidence about the prompts of a run. */
export interface PrefillProof {
  /** Tokens of prompts that were taken from a cache; null where the server does not say. */
  readonly cachedTokens: number | null;
  readonly promptTokens: number;
  /** Where the number is from. */
  readonly source: 'usage' | 'metrics' | null;
}

/** Ids at the start of a prompt that are drawn anew: fewer than the blocks of any cache hold, and enough to be never drawn twice. */
const NEW_IDS = 4;

/** Makes the beginning of a prompt new: a cache shares what begins alike. */
export function makeUnique(
  { prompt, promptIds, ...arrival }: Arrival,
  index: number,
  { run, vocabSize }: { readonly run: number; readonly vocabSize: number },
): Arrival {
  if (promptIds === undefined) return { ...arrival, prompt: `${hashSeed(run, index).toString(36)} ${prompt ?? ''}` };
  const [lo, hi] = splitSeed(run);
  const ids = promptIds.map((id, position) =>
    position < NEW_IDS ? pcg4d(lo, hi, position, index)[0] % vocabSize : id,
  );
  return { ...arrival, promptIds: ids };
}

/** Says what a server computed, by the usage of its answers or else by its metrics. */
export function provePrefill(usages: readonly Usage[], metered: number | null): PrefillProof {
  const promptTokens = sum(usages.map(({ prompt }) => prompt));
  const reported = present(usages.map(({ cached }) => cached));
  if (reported.length === usages.length) return { cachedTokens: sum(reported), promptTokens, source: 'usage' };
  return { cachedTokens: metered, promptTokens, source: metered === null ? null : 'metrics' };
}

/** Tokens at the start of a prompt that are the same in all: those of a chat's template, or a BOS and what begins alike by chance. */
const COMMON_TOKENS = { chat: 64, completions: 4 } as const;

/** Says why a run's prompts do not count as computed; null where they do. */
export function unprovenPrefill(
  { cachedTokens, promptTokens, source }: PrefillProof,
  { numRequests, endpoint }: { readonly numRequests: number; readonly endpoint: keyof typeof COMMON_TOKENS },
): string | null {
  if (cachedTokens === null) {
    return (
      'the server does not say which tokens of prompts it computed, expected cached_tokens in its usage (vLLM: ' +
      '--enable-prompt-tokens-details, SGLang: --enable-cache-report), or --prefix-cache for a run that compares with no other'
    );
  }
  const most = numRequests * COMMON_TOKENS[endpoint];
  if (cachedTokens <= most) return null;
  return `${cachedTokens} of ${promptTokens} tokens of prompts came from a cache by ${source}, though no prompt was sent before, expected at most ${most}; --prefix-cache lets it`;
}
