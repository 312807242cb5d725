// Operands of `mask_logits` on the host, and rows with masks of every kind: few ids, most ids, whole words, none, and no mask.
import { maskWords } from '../../core/constrained-ids.ts';
import { normals } from '../../util/random-values.ts';
import { uniform } from '../../util/rng.ts';
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import { type maskLogits, NO_MASK } from './mask-logits.ts';

/** Row of logits [V], and the ids that may be sampled from it. */
export interface MaskedRow {
  readonly logits: Float32Array;
  /** [ceil(V / 32)]; null where any may be. */
  readonly mask: Uint32Array | null;
  /** Logits after penalties, where `out` holds them before the dispatch. */
  readonly adjusted?: Float32Array;
}

/** Shares of the ids that the rows allow; null is a row without a mask. */
const SHARES = [0.5, null, 0.01, 0.99, 0, 1, null, 0.3] as const;

/** Makes R rows of V. */
export function maskedRows(V: number, R: number = SHARES.length): MaskedRow[] {
  return Array.from({ length: R }, (_, r) => {
    const share = SHARES[r % SHARES.length] ?? null;
    return { logits: normals(r, V, 3), mask: share === null ? null : drawMask(V, r, share) };
  });
}

/** Makes the same rows with other logits in `out`. */
export function adjustedMaskedRows(V: number, R?: number): MaskedRow[] {
  return maskedRows(V, R).map((row, r) => ({ ...row, adjusted: normals(r + 100, V, 3) }));
}

/** A mask that allows about a share of the ids, and words of all and of none among the others. */
function drawMask(V: number, seed: number, share: number): Uint32Array {
  const mask = new Uint32Array(maskWords(V));
  for (let id = 0; id < V; id++) {
    const word = id >> 5;
    const isWhole = word % 7 === 3 && share > 0 && share < 1;
    const isAllowed = isWhole ? word % 2 === 0 : uniform(seed, id, 1) < share;
    if (isAllowed) mask[word]! |= 1 << (id & 31);
  }
  return mask;
}

/** Operands of one dispatch over rows of one length, with `out` as adjusted where the rows say so; masks lie in the rows' order, backwards. */
export function maskOperands(rows: readonly MaskedRow[]): KernelOperands<typeof maskLogits.spec> {
  const [R, V] = [rows.length, rows[0]!.logits.length];
  const words = maskWords(V);
  const masked = rows.flatMap(({ mask }, r) => (mask === null ? [] : [{ mask, r }])).reverse();
  // A mask of no row, for no binding may be empty: a row that takes it shows.
  const masks = new Uint32Array((masked.length + 1) * words);
  const maskRows = new Uint32Array(R).fill(NO_MASK);
  for (const [index, { mask, r }] of masked.entries()) {
    masks.set(mask, index * words);
    maskRows[r] = index;
  }
  const logits = new Float32Array(R * V);
  for (const [r, row] of rows.entries()) logits.set(row.logits, r * V);
  const isAdjusted = rows.every(({ adjusted }) => adjusted !== undefined);
  const out = new Float32Array(R * V);
  for (const [r, { adjusted }] of rows.entries()) if (adjusted) out.set(adjusted, r * V);
  return {
    tensors: {
      logits: hostTensor(logits, R, V),
      rows: hostTensor(maskRows, R),
      masks: hostTensor(masks, masked.length + 1, words),
      out: isAdjusted ? hostTensor(out, R, V) : unwritten(R, V),
    },
    scalars: { copies: isAdjusted ? 0 : 1 },
    outputs: ['out'],
  };
}
