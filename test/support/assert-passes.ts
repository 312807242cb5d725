// Assertion of a comparison, for checks that run outside of vitest too, as in the judges of mutants: its own matchers don't.
import assert from 'node:assert';
import type { Comparison } from '../../src/testing/index.ts';

/** Throws an AssertionError with the comparison's message unless it passes. */
export function assertPasses({ passes, message }: Comparison): void {
  assert.ok(passes, message);
}
