// Reasons why mutants survive, by shader and fault: an equivalent mutant is no gap, a missed one is. A test fails on a
// reason that fits no mutant.

import type { MutantText } from '../../src/testing/index.ts';
import { ATTENTION } from './explanations/attention.ts';
import { MATMUL } from './explanations/matmul.ts';
import { SAMPLER } from './explanations/sampler.ts';
import { SMALL_KERNELS } from './explanations/small-kernels.ts';

/** Reason why some mutants survive. */
export interface Explanation {
  readonly shader: string;
  /** Matches `operator: line → line with the fault`. */
  readonly fault: RegExp;
  /** False where another adapter could tell the mutant from the shader: it counts as missed. */
  readonly isEquivalent: boolean;
  readonly reason: string;
}

export const EXPLANATIONS: readonly Explanation[] = [ATTENTION, MATMUL, SAMPLER, SMALL_KERNELS].flatMap((table) =>
  (['equivalent', 'missed'] as const).flatMap((kind) =>
    Object.entries(table[kind]).flatMap(([shader, reasons]) =>
      reasons.map(([fault, reason]) => ({ shader, fault, reason, isEquivalent: kind === 'equivalent' })),
    ),
  ),
);

/** Finds the reason why a mutant survived; null when there is none. */
export function explain({ file, operator, before, after }: MutantText): Explanation | null {
  const text = `${operator}: ${before} → ${after}`;
  return EXPLANATIONS.find((known) => known.shader === file && known.fault.test(text)) ?? null;
}
