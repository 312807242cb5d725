// Comparisons of a kernel's output with the expected one; their messages name the case and the worst element.
import { expect } from 'vitest';
import type { Expected } from '../../../src/kernels/kernel-case.ts';

/**
 * Expects |got − want| ≤ tolerance, element by element. The failure message names the case, the number of failing
 * elements, and the one that is furthest out.
 */
export function expectWithin(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: ArrayLike<number>,
  label: string,
): void {
  if (got.length !== want.length) expect.fail(`${label}: got ${got.length} elements, want ${want.length}`);
  let failures = 0;
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    if (error <= tolerance[i]!) continue;
    failures++;
    const excess = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / tolerance[i]!;
    if (worst >= 0 && excess <= worstExcess) continue;
    worst = i;
    worstExcess = excess;
  }
  if (failures === 0) return;
  expect.fail(
    `${label}: element ${worst} of ${want.length}: got ${got[worst]}, want ${want[worst]} ± ${tolerance[worst]} ` +
      `(${failures} elements fail)`,
  );
}

/** Expects equal bits. The failure message names the case and the first word that differs. */
export function expectSameBits(got: Uint32Array, want: Uint32Array, label: string): void {
  if (got.length !== want.length) expect.fail(`${label}: got ${got.length} words, want ${want.length}`);
  const first = got.findIndex((word, i) => word !== want[i]);
  if (first < 0) return;
  const failures = got.reduce((count, word, i) => count + (word === want[i] ? 0 : 1), 0);
  const hex = (word: number | undefined) => `0x${(word ?? 0).toString(16).padStart(8, '0')}`;
  expect.fail(
    `${label}: word ${first} of ${want.length}: got ${hex(got[first])}, want ${hex(want[first])} (${failures} words differ)`,
  );
}

/** Expects the words of R rows to be right; the message names the row. */
export function expectRows(words: Uint32Array, { want, tolerance, toNumbers }: Expected, R: number): void {
  const numbers = toNumbers(words);
  const width = want.length / R;
  for (let start = 0; start < want.length; start += width) {
    const of = <A extends Float32Array | Float64Array>(all: A) => all.subarray(start, start + width);
    const exact = new Float64Array(width);
    expectWithin(of(numbers), of(want), tolerance === null ? exact : of(tolerance), `row ${start / width}`);
  }
}
