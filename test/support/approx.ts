// Comparison of numbers with a reference: one limit, abs + rel · |want|, and a message with the worst element.
import { expect } from 'vitest';

/** Limit of an error: abs + rel · |want|, 0 of each by default. */
export interface Tolerance {
  readonly abs?: number;
  readonly rel?: number;
}

/**
 * Expects |got − want| ≤ abs + rel · |want| for every element. Equal infinities pass; NaN on either side fails, as do
 * different lengths. The failure message names the case and its worst element.
 */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { abs = 0, rel = 0 }: Tolerance,
  label: string,
): void {
  if (got.length !== want.length) expect.fail(`${label}: got ${got.length} elements, want ${want.length}`);
  let worst = 0;
  let worstIndex = 0;
  let failures = 0;
  for (let i = 0; i < want.length; i++) {
    if (got[i] === want[i]) continue;
    const error = Math.abs(got[i]! - want[i]!);
    const tolerance = abs + rel * Math.abs(want[i]!);
    if (error <= tolerance && error < Number.POSITIVE_INFINITY) continue;
    failures++;
    const excess = Number.isFinite(error) ? error / tolerance : Number.POSITIVE_INFINITY;
    if (excess > worst) {
      worst = excess;
      worstIndex = i;
    }
  }
  if (failures === 0) return;
  const error = Math.abs(got[worstIndex]! - want[worstIndex]!);
  const tolerance = abs + rel * Math.abs(want[worstIndex]!);
  expect.fail(
    `${label}: element ${worstIndex} of ${want.length}: got ${got[worstIndex]}, want ${want[worstIndex]}, ` +
      `error ${error} over tolerance ${tolerance} (${failures} elements fail)`,
  );
}
