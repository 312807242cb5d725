// Tokens of a step whose sequences are all alike, and where they lie in the paged cache: blocks in order, one sequence after
// another.
import { ceilDiv } from '../util/math.ts';

/** Tokens of a step: the last `queries` of `context` tokens of each of `sequences` sequences. */
export interface StepTokens {
  readonly sequences: number;
  readonly queries: number;
  readonly context: number;
}

/** Blocks of a cache, and tokens of a block. */
export interface CacheBlocks {
  readonly B: number;
  readonly P: number;
}

/** Makes the position [T] of each token in its sequence. */
export function positionsOf({ sequences, queries, context }: StepTokens): Int32Array {
  return Int32Array.from({ length: sequences * queries }, (_, t) => context - queries + (t % queries));
}

/** Makes the sequence [T] of each token. */
export function sequenceIndexOf({ sequences, queries }: StepTokens): Int32Array {
  return Int32Array.from({ length: sequences * queries }, (_, t) => Math.floor(t / queries));
}

/** Makes the block tables [S, blocks of a context]. Sequences take turns with the blocks of a cache that is too small for all. */
export function blockTablesOf({ sequences, context }: StepTokens, { B, P }: CacheBlocks): Int32Array {
  return Int32Array.from({ length: sequences * ceilDiv(context, P) }, (_, i) => i % B);
}

/** Makes the slot [T] of each token's key and value. */
export function slotsOf(step: StepTokens, cache: CacheBlocks): Int32Array {
  const { B, P } = cache;
  const blocks = ceilDiv(step.context, P);
  const sequences = sequenceIndexOf(step);
  return positionsOf(step).map((position, t) => {
    const block = sequences[t]! * blocks + Math.floor(position / P);
    return (block % B) * P + (position % P);
  });
}
