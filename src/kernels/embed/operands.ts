// Operands of `embed` on the host: ids at the ends of tiles and of the bound range, inside and outside of it, some of them on
// the GPU only.
import { normals, uniforms } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import { packedTensor } from '../weights/operands.ts';
import { TILE, type WeightDType } from '../weights/weight-tiles.ts';
import type { embed, embedTokens } from './embed.ts';

/** Width, and the range of the vocabulary that is bound: ids [first, first + N). */
export interface EmbedShape {
  readonly C: number;
  readonly first: number;
  readonly N: number;
  /** Rows of wpe. */
  readonly numPositions: number;
}

/** Tokens, positions and rows of one dispatch. */
export interface EmbedInputs extends EmbedShape {
  /** Id of each token; those of the last tokens come from next_tokens. */
  readonly ids: readonly number[];
  readonly numPending: number;
  readonly positions: readonly number[];
  /** [N, C], before it is rounded to its storage type. */
  readonly wte: Float32Array;
  readonly wpe: Float32Array;
  readonly dtype: WeightDType;
}

/** Makes inputs with an id at each end, the last four and one that occurs twice from next_tokens. */
export function embedInputs(seed: number, shape: EmbedShape, dtype: WeightDType): EmbedInputs {
  const { C, first, N, numPositions } = shape;
  const last = first + N - 1;
  const ends = [0, TILE - 1, TILE, first - 1, first, first + TILE - 1, first + TILE, first + (N >> 1), last, last + 1];
  const pending = [last, 0, first, Math.max(first - 1, 0), last];
  const ids = [...ends.filter((id) => id >= 0), ...pending];
  return {
    ...shape,
    ids,
    numPending: pending.length,
    positions: ids.map((_, t) => Math.floor((t * (numPositions - 1)) / (ids.length - 1))),
    wte: uniforms(seed, N * C),
    wpe: normals(seed + 1, numPositions * C),
    dtype,
  };
}

/** Operands of one dispatch of `embed`. */
export function embedOperands(inputs: EmbedInputs): KernelOperands<typeof embed.spec> {
  const { C, ids, positions, wpe, numPositions } = inputs;
  const { tensors, scalars, outputs } = embedTokensOperands(inputs);
  const learned = {
    positions: hostTensor(Int32Array.from(positions), ids.length),
    wpe: hostTensor(wpe, numPositions, C),
  };
  return { tensors: { ...tensors, ...learned }, scalars, outputs };
}

/**
 * Operands of one dispatch of `embedTokens`. Entries of next_tokens run backwards: entry −1 − i of token_ids stands for next
 * token i.
 */
export function embedTokensOperands(inputs: EmbedInputs): KernelOperands<typeof embedTokens.spec> {
  const { C, N, first, ids, numPending, wte, dtype } = inputs;
  const T = ids.length;
  const nextTokens = ids.slice(T - numPending).reverse();
  const tokenIds = ids.map((id, t) => (t < T - numPending ? id : t - T));
  return {
    tensors: {
      token_ids: hostTensor(Int32Array.from(tokenIds), T),
      next_tokens: hostTensor(Int32Array.from(nextTokens), numPending),
      wte: packedTensor({ K: C, N, dtype }, wte, 'nk'),
      out: unwritten(T, C),
    },
    scalars: { first },
    outputs: ['out'],
  };
}
