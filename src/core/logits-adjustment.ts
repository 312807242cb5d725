// Biases, penalties and masks of a row, as a function of its ids alone: they are the same after a preemption or a cache hit.
import type { AllowedIds } from './constrained-ids.ts';
import type { SamplingParams } from './sampling-params.ts';

/** How the logit of one token id changes before a row is sampled. */
export interface TokenAdjustment {
  readonly id: number;
  /** Added to the logit. */
  readonly bias: number;
  /** True where the repetition penalty applies. */
  readonly isSeen: boolean;
  /** How often the output has the id: presence and frequency penalty. */
  readonly outputCount: number;
  /** True where the id is masked: it is not sampled, whatever its bias. */
  readonly isMasked: boolean;
}

/**
 * How the logits of one row change before it is sampled: bias, then repetition, presence and frequency penalty, then
 * mask. It is a function of the prompt and the output alone, so that nothing has to be kept from step to step.
 */
export interface LogitsAdjustment {
  /** Logits above 0 are divided by it, others multiplied; 1 is off. */
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Every id at most once. */
  readonly tokens: readonly TokenAdjustment[];
  /** Slot of `nextTokens` with the newest id of the output, which `tokens` does not count; null where there is none. */
  readonly newestTokenSlot: number | null;
}

/** Sequence and parameters that decide the adjustment of a row; an absent parameter is off. */
export interface AdjustedSequence {
  readonly promptIds: readonly number[];
  /** Output on the host. */
  readonly ids: readonly number[];
  /** The tokens that end the sequence. */
  readonly eosIds?: readonly number[];
  readonly params: Partial<AdjustingParams>;
  /** Rule for its next id; null or absent where any may be sampled. */
  readonly constraint?: { readonly allowed: AllowedIds | null } | null | undefined;
}

type PenaltyParams = Pick<SamplingParams, 'repetitionPenalty' | 'presencePenalty' | 'frequencyPenalty'>;
type AdjustingParams = PenaltyParams & Pick<SamplingParams, 'logitBias' | 'minTokens' | 'stopTokenIds' | 'ignoreEos'>;

/** Returns the most ids that the host may lack when a row of these parameters is planned: penalties find the newest alone on the GPU. */
export function maxUnreadIds(params: Partial<PenaltyParams>): number {
  return hasPenalty(params) ? 1 : Number.POSITIVE_INFINITY;
}

/**
 * Returns the adjustment of the row that samples after `numTokens` tokens of a sequence, or null where its logits stay
 * as they are. If one more token is known than the host has, its id is in `nextTokens[tokenSlot]`; with penalties the host lacks
 * no other.
 */
export function adjustmentOf(
  { promptIds, ids, eosIds = [], params, constraint }: AdjustedSequence,
  numTokens: number,
  tokenSlot: number,
): LogitsAdjustment | null {
  const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = params;
  const { logitBias = {}, minTokens = 0, stopTokenIds = [], ignoreEos = false } = params;
  const countsOutput = presencePenalty !== 0 || frequencyPenalty !== 0;
  const numOutputIds = numTokens - promptIds.length;

  const tokens = new Map<number, Mutable<TokenAdjustment>>();
  const tokenOf = (id: number) => {
    const known = tokens.get(id);
    if (known !== undefined) return known;
    const token = { id, bias: 0, isSeen: false, outputCount: 0, isMasked: false };
    tokens.set(id, token);
    return token;
  };
  for (const [id, bias] of Object.entries(logitBias)) tokenOf(Number(id)).bias = bias;
  if (repetitionPenalty !== 1) {
    for (const id of promptIds) tokenOf(id).isSeen = true;
    for (const id of ids) tokenOf(id).isSeen = true;
  }
  if (countsOutput) for (const id of ids) tokenOf(id).outputCount++;
  // Where a constraint leaves nothing but an end, that comes before its time.
  if (numOutputIds < minTokens && !constraint?.allowed?.isComplete) {
    for (const id of stopTokenIds) tokenOf(id).isMasked = true;
    if (!ignoreEos) for (const id of eosIds) tokenOf(id).isMasked = true;
  }

  const newestTokenSlot = hasPenalty(params) && numOutputIds > ids.length ? tokenSlot : null;
  if (tokens.size === 0 && newestTokenSlot === null) return null;
  return { repetitionPenalty, presencePenalty, frequencyPenalty, tokens: [...tokens.values()], newestTokenSlot };
}

/** Returns true where the logits depend on the ids that the sequence has. */
function hasPenalty({ repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 }: Partial<PenaltyParams>) {
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
