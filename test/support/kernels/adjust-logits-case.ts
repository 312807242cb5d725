import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { adjustLogits } from '../../../src/kernels/adjust-logits/adjust-logits.ts';
import { adjustLogits as adjustReference, type LogitPenalties } from '../../../src/reference/sampling.ts';
import { normals } from '../../../src/util/random-values.ts';
import { uniform } from '../../../src/util/rng.ts';
import { expectWithin } from './expect-within.ts';
import { nans, operand } from './guarded-tensor.ts';
import { floatsOf, runKernel } from './run-kernel.ts';

/** One row of logits [V], and what changes them. */
export interface AdjustedRow extends LogitPenalties {
  readonly logits: Float32Array;
  /** The last of `outputIds` is in next_tokens only. */
  readonly isNewestPending?: boolean;
}

const NO_SLOT = 0xffffffff;
const SEEN = 1;
const MASKED = 2;
const ROW_WORDS = 6;
const ENTRY_WORDS = 4;
/** Garbage: a row that takes an entry of nobody would show. */
const GARBAGE_ENTRY = [0, 1000, 0x42000000, SEEN];

const bits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]!;

function entriesOf(row: AdjustedRow): number[][] {
  const { promptIds = [], outputIds = [], logitBias = {}, maskedIds = [], repetitionPenalty = 1 } = row;
  const { presencePenalty = 0, frequencyPenalty = 0 } = row;
  const known = row.isNewestPending ? outputIds.slice(0, -1) : outputIds;
  const seen = new Set(repetitionPenalty === 1 ? [] : [...promptIds, ...known]);
  const counted = presencePenalty === 0 && frequencyPenalty === 0 ? [] : known;
  const biased = Object.keys(logitBias).map(Number);
  const ids = new Set([...seen, ...counted, ...biased, ...maskedIds]);
  // In another order than the ids', which nothing may depend on.
  return [...ids]
    .sort((a, b) => ((a * 7) % 64) - ((b * 7) % 64))
    .map((id) => {
      const count = counted.filter((other) => other === id).length;
      const flags = (seen.has(id) ? SEEN : 0) + (maskedIds.includes(id) ? MASKED : 0);
      return [id, count, bits(logitBias[id] ?? 0), flags];
    });
}

/** Words of out[R, V]. */
export function runAdjustLogits(
  device: Device,
  rows: readonly AdjustedRow[],
  kernel: Kernel<typeof adjustLogits.spec> = adjustLogits,
  LANES?: number,
): Promise<Uint32Array> {
  const [R, V] = [rows.length, rows[0]!.logits.length];
  const logits = Float32Array.from(rows.flatMap((row) => [...row.logits]));
  const nextTokens = new Int32Array(R + 1).fill(-1);
  const entries = [GARBAGE_ENTRY];
  const rowWords = rows.flatMap((row, r) => {
    const first = entries.length;
    entries.push(...entriesOf(row));
    const end = entries.length;
    entries.push(GARBAGE_ENTRY);
    const slot = R - r;
    if (row.isNewestPending) nextTokens[slot] = row.outputIds?.at(-1) ?? -1;
    const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = row;
    const penalties = [repetitionPenalty, presencePenalty, frequencyPenalty].map(bits);
    return [first, end, ...penalties, row.isNewestPending ? slot : NO_SLOT];
  });
  const operands = {
    logits: operand(logits, R, V),
    rows: operand(Uint32Array.from(rowWords), R, ROW_WORDS),
    entries: operand(Uint32Array.from(entries.flat()), entries.length, ENTRY_WORDS),
    next_tokens: operand(nextTokens, R + 1),
    out: nans(R, V),
  };
  return runKernel(device, kernel, operands, {}, LANES === undefined ? {} : { overrides: { LANES } });
}

/** Rows of V with every penalty on and off, ids that appear in several lists, and a newest id that is new or not. */
export function adjustedRows(V: number, R = 24): AdjustedRow[] {
  const id = (row: number, i: number) => Math.floor(uniform(row, i, 0) * V);
  return Array.from({ length: R }, (_, r) => {
    const numPromptIds = (r * 5) % 17;
    const outputIds = Array.from({ length: 1 + ((r * 7) % 90) }, (_, i) => id(r, i));
    if (r % 3 === 0) outputIds.push(...outputIds.slice(0, 2));
    const biased = [r % 3 === 1 ? outputIds.at(-1)! : id(r, 501), id(r, 500), outputIds[0]!];
    return {
      logits: normals(r, V, 3),
      promptIds: Array.from({ length: numPromptIds }, (_, i) => id(r + 100, i)),
      outputIds,
      isNewestPending: r % 2 === 0,
      ...(r % 4 > 0 && { repetitionPenalty: Math.fround(0.5 + r / 12) }),
      ...(r % 5 > 0 && { presencePenalty: Math.fround(((r % 9) - 4) / 3) }),
      ...(r % 6 > 1 && { frequencyPenalty: Math.fround(((r % 7) - 3) / 4) }),
      ...(r % 3 > 0 && { logitBias: Object.fromEntries(biased.map((each, i) => [each, (i - 1) * 7.5])) }),
      ...(r % 8 > 4 && { maskedIds: [id(r, 502), outputIds[0]!] }),
    };
  }).filter((row) => hasPenalty(row) || !row.isNewestPending);
}

/** Only rows with penalties look at the newest id. */
function hasPenalty({ repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 }: AdjustedRow): boolean {
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
}

/**
 * Expects of rows of V what float64 makes of them. With u = 2^-24: the sum of logit and bias errs by u, WGSL's division
 * by 2.5 units in the last place or 5 u, subtraction and fma by u each, all of them of a size that is bounded by that of
 * the terms. Logits without an entry keep their bits.
 */
export async function checkAdjustLogits(
  device: Device,
  V: number,
  kernel: Kernel<typeof adjustLogits.spec> = adjustLogits,
  R = 24,
): Promise<void> {
  const rows = adjustedRows(V, R);
  const words = await runAdjustLogits(device, rows, kernel);
  for (const [r, row] of rows.entries()) {
    const logits = Float64Array.from(row.logits);
    const want = adjustReference(logits, row).map((logit) => Math.max(logit, -3.4e38));
    const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0, outputIds = [], logitBias = {} } = row;
    const factor = Math.max(repetitionPenalty, 1 / repetitionPenalty);
    const tolerance = logits.map((logit, id) => {
      if (want[id] === logit) return 0;
      if (want[id] === -3.4e38) return 2 ** 103;
      const count = outputIds.filter((other) => other === id).length;
      const size = (Math.abs(logit) + Math.abs(logitBias[id] ?? 0)) * factor;
      return 8 * 2 ** -24 * (size + Math.abs(presencePenalty) + count * Math.abs(frequencyPenalty));
    });
    expectWithin(floatsOf(words).subarray(r * V, (r + 1) * V), want, tolerance, `row ${r}`);
  }
}

/** Logits at the ends of f32, and penalties that would carry them past: all stay finite, and the infinite stay infinite. */
export async function checkExtremeLogits(
  device: Device,
  kernel: Kernel<typeof adjustLogits.spec> = adjustLogits,
): Promise<void> {
  const logits = Float32Array.of(3.4e38, -3.4e38, 0, 1, Number.NaN, Number.POSITIVE_INFINITY, 1e30, -1e30);
  const ids = [0, 1, 2, 3, 4, 5, 6, 7];
  const rows: AdjustedRow[] = [
    { logits, promptIds: ids, repetitionPenalty: 3e38 },
    { logits, promptIds: ids, repetitionPenalty: 1e-45 },
    { logits, maskedIds: ids },
  ];
  const out = floatsOf(await runAdjustLogits(device, rows, kernel));
  const row = (r: number) => [...out.subarray(8 * r, 8 * (r + 1))];
  const top = Math.fround(3.4e38);
  for (const r of [0, 1, 2])
    expect(row(r).map(Number.isFinite), `row ${r}`).toEqual(row(0).map((_, i) => i !== 4 && i !== 5));
  expect(row(0).slice(1, 3)).toEqual([-top, 0]);
  expect(row(1).slice(0, 4)).toEqual([top, expect.closeTo(-3.997, 2), 0, Math.fround(2 ** 126)]);
  expect(row(2)).toEqual([-top, -top, -top, -top, Number.NaN, Number.POSITIVE_INFINITY, -top, -top]);
}
