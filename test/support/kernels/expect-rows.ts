// Comparison of the rows of a kernel's output with what the kernel's folder expects.
import type { Expected } from '../../../src/kernels/kernel-case.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';

/** Expects the words of R rows to be right. */
export function expectRows(words: Uint32Array, { want, tolerance, toNumbers }: Expected, R: number): void {
  assertPasses(compareWithin(toNumbers(words), want, tolerance ?? 0, { label: 'rows', shape: [R, want.length / R] }));
}
