// The distribution that a row of logits is drawn from, in float64.
import { isRecord } from '../util/keys.ts';
import { ceilDiv } from '../util/math.ts';
import {
  type Check,
  type Checks,
  checkOptions,
  checkValue,
  countOrNone,
  numberIn,
  seed as seedCheck,
} from '../util/option-checks.ts';
import { uniform } from '../util/rng.ts';
import { checkArray, checkComplete, finite, natural } from './checks.ts';
import { argmax, softmax } from './operators.ts';

/** The part of SamplingParams that shapes one row of logits on its own. */
export interface SamplingFilters {
  /** 0 keeps the most likely token alone. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0, or k ≥ V, keeps all. */
  readonly topK: number;
  /** Keep the most likely tokens up to and including the one whose running sum reaches topP, in (0, 1]; 1 keeps all. */
  readonly topP: number;
  /** Keep tokens with at least this fraction of the best token's probability; 0 keeps all. */
  readonly minP: number;
}

/** The part of SamplingParams that shapes single logits by the tokens so far; what is left out is off. */
export interface LogitPenalties {
  readonly promptIds?: readonly number[];
  readonly outputIds?: readonly number[];
  /** Added, by token id. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** Divides logits above 0 of tokens in prompt and output, multiplies others. */
  readonly repetitionPenalty?: number;
  /** Subtracted once for each token in the output. */
  readonly presencePenalty?: number;
  /** Subtracted for each time that the output has a token. */
  readonly frequencyPenalty?: number;
  /** Never drawn. */
  readonly maskedIds?: readonly number[];
  /** Bits of the ids that may be drawn, in ceil(V / 32) words: bit `id & 31` of word `id >> 5`. */
  readonly mask?: Uint32Array;
}

const FILTERS: Checks<SamplingFilters> = {
  temperature: natural,
  topK: countOrNone,
  topP: {
    expected: 'a number in (0, 1]',
    accepts: (value) => typeof value === 'number' && value > 0 && value <= 1,
  },
  minP: numberIn(0, 1),
};

/**
 * The logits [V] after bias, repetition, presence and frequency penalty, masked ids and mask, in that order.
 *
 * @throws RangeValueError for logits or penalties that are none.
 */
export function adjustLogits(logits: Float64Array, penalties: LogitPenalties): Float64Array {
  checkArray('logits', logits);
  checkOptions('penalties', penalties, penaltiesOf(logits.length));
  const { promptIds = [], outputIds = [], logitBias = {}, maskedIds = [], mask } = penalties;
  const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = penalties;
  const out = logits.map((logit, id) => logit + (logitBias[id] ?? 0));
  for (const id of new Set([...promptIds, ...outputIds])) {
    out[id] = out[id]! > 0 ? out[id]! / repetitionPenalty : out[id]! * repetitionPenalty;
  }
  for (const id of new Set(outputIds)) out[id]! -= presencePenalty;
  for (const id of outputIds) out[id]! -= frequencyPenalty;
  for (const id of maskedIds) out[id] = Number.NEGATIVE_INFINITY;
  if (mask === undefined) return out;
  return out.map((logit, id) => (((mask[id >> 5]! >> (id & 31)) & 1) === 1 ? logit : Number.NEGATIVE_INFINITY));
}

/**
 * The distribution [V] that a token is drawn from: temperature, then topK, topP and minP, each filter working on the
 * renormalised rest of the one before; among equal logits the lower id is the more likely.
 *
 * @throws RangeValueError for logits or filters that are none.
 */
export function processLogits(logits: Float64Array, filters: SamplingFilters): Float64Array {
  return softmax(filterLogits(logits, filters));
}

/**
 * The token that the GPU draws, in float64: argmax of logit / temperature + g over the kept tokens, the lowest id on a
 * tie, with Gumbel noise g = −log(−log u) and u the uniform number of (seed, absolute position, token id).
 *
 * @throws RangeValueError for logits, filters, seed or position that are none.
 */
export function gumbelSample(logits: Float64Array, filters: SamplingFilters, seed: number, position: number): number {
  checkValue('seed', seed, seedCheck);
  checkValue('position', position, countOrNone);
  const kept = filterLogits(logits, filters);
  return argmax(kept.map((logit, id) => logit - Math.log(-Math.log(uniform(seed, position, id)))));
}

/** Checks of penalties by the size of the vocabulary. */
function penaltiesOf(V: number): Checks<LogitPenalties> {
  const isId = (id: unknown) => countOrNone.accepts(id) && Number(id) < V;
  const expected = `a list of integers in [0, ${V})`;
  const ids: Check = { expected, accepts: (value) => Array.isArray(value) && value.every(isId) };
  const logitBias: Check = {
    expected: `finite numbers by integers in [0, ${V})`,
    accepts: (value) =>
      isRecord(value) && Object.entries(value).every(([id, bias]) => isId(Number(id)) && Number.isFinite(bias)),
  };
  return {
    promptIds: ids,
    outputIds: ids,
    logitBias,
    repetitionPenalty: { expected: 'a finite number > 0', accepts: (value) => natural.accepts(value) && value !== 0 },
    presencePenalty: finite,
    frequencyPenalty: finite,
    maskedIds: ids,
    mask: {
      expected: `a Uint32Array of ${ceilDiv(V, 32)} words`,
      accepts: (value) => value instanceof Uint32Array && value.length === ceilDiv(V, 32),
    },
  };
}

/** (logit − max) / temperature for kept tokens, −Infinity for the others. */
function filterLogits(logits: Float64Array, filters: SamplingFilters): Float64Array {
  checkArray('logits', logits);
  checkComplete('filters', filters, FILTERS);
  const { temperature, topK, topP, minP } = filters;
  const best = argmax(logits);
  const max = logits[best]!;
  if (temperature === 0) return logits.map((_, id) => (id === best ? 0 : Number.NEGATIVE_INFINITY));
  const scaled = logits.map((logit) => (logit - max) / temperature);

  // The sort is stable, so that lower ids lead among equals. Every filter keeps a prefix of this order.
  let order = [...scaled.keys()].sort((a, b) => scaled[b]! - scaled[a]!);
  if (topK > 0) order = order.slice(0, topK);
  if (topP < 1) {
    const probs = softmax(Float64Array.from(order, (id) => scaled[id]!));
    let kept = 0;
    for (let sum = 0; kept < order.length && sum < topP; kept++) sum += probs[kept]!;
    order = order.slice(0, kept);
  }
  if (minP > 0) order = order.filter((id) => Math.exp(scaled[id]!) >= minP);

  const out = new Float64Array(logits.length).fill(Number.NEGATIVE_INFINITY);
  for (const id of order) out[id] = scaled[id]!;
  return out;
}
