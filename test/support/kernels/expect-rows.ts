// Comparison of the rows of a kernel's output with what the kernel's folder expects.
import { expect } from 'vitest';
import type { Expected } from '../../../src/kernels/kernel-case.ts';
import '../../../src/testing/vitest.ts';

/** Expects the words of R rows to be right. */
export function expectRows(words: Uint32Array, { want, tolerance, toNumbers }: Expected, R: number): void {
  expect(toNumbers(words)).toBeWithin(want, tolerance ?? 0, { label: 'rows', shape: [R, want.length / R] });
}
