// Right records of `logprobs`, from log-softmax in float64: ids exactly, log-probabilities within what f32 may err by.
import { logSoftmax } from '../../reference/operators.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import { LOGPROB_WORDS, MAX_TOP_LOGPROBS } from './logprobs.ts';
import { type LogprobRow, UNWRITTEN_RECORD } from './operands.ts';

/**
 * Bound for a log-probability of logits below 100 in size. Distances of up to 80 round by 4e-6, and so does their sum with
 * a logarithm below 11, which errs by 1e-6 more; the fixed-point sum of 50257 weights errs by far less.
 */
const LOGPROB_ERROR = 1e-5;

/** records[R, 41] as numbers: log-probabilities at even places of a record, ids at odd ones. */
export function expectedLogprobs(rows: readonly LogprobRow[]): Expected {
  const [unwritten = 0] = floatsOf(Uint32Array.of(UNWRITTEN_RECORD));
  const want = new Float64Array(rows.length * LOGPROB_WORDS);
  const tolerance = new Float64Array(want.length);
  for (const [r, { logits, chosen, numTop }] of rows.entries()) {
    const start = r * LOGPROB_WORDS;
    for (let i = 0; i < LOGPROB_WORDS; i++) want[start + i] = isId(i) ? UNWRITTEN_RECORD : unwritten;
    if (numTop === null) continue;
    const logs = logSoftmax(Float64Array.from(logits));
    // The sort is stable, so that the lower id leads among equals.
    const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
    const top = order.slice(0, Math.min(numTop, MAX_TOP_LOGPROBS));
    want.set([logs[chosen]!, ...top.flatMap((id) => [id, logs[id]!])], start);
    for (let i = 0; i <= 2 * top.length; i += 2) tolerance[start + i] = LOGPROB_ERROR;
  }
  return { want, tolerance, toNumbers: recordNumbers };
}

/** Reads whole records as numbers. */
function recordNumbers(words: Uint32Array): Float64Array {
  const floats = floatsOf(words);
  return Float64Array.from(words, (word, i) => (isId(i % LOGPROB_WORDS) ? word : floats[i]!));
}

function isId(place: number): boolean {
  return place % 2 === 1;
}
