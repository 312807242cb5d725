// The grid of a dispatch. WebGPU cuts fractions off and takes NaN for 0: either would silently leave elements out.
import { quote } from '../util/quote.ts';
import { KernelError } from './errors.ts';
import type { Grid } from './kernel-spec.ts';
import type { ShapedOperand } from './operands.ts';

const DIMENSIONS = ['x', 'y', 'z'] as const;

/**
 * Checks what a kernel's `workgroups` returned. A dimension of 0 is legal where an operand is empty: there is nothing
 * to do.
 *
 * @param most the adapter's limit of a dimension.
 * @throws KernelError that names the dimension, its value and what may be done about it.
 */
export function checkGrid(kernel: string, grid: Grid, operands: readonly ShapedOperand[], most: number): void {
  if (!Array.isArray(grid) || grid.length !== DIMENSIONS.length) {
    throw new KernelError(kernel, `workgroups are ${quote(grid)}, expected [x, y, z]`);
  }
  for (const [i, dimension] of DIMENSIONS.entries()) {
    const count = grid[i];
    const fail = (expected: string) => {
      throw new KernelError(
        kernel,
        `workgroups ${dimension} is ${quote(count)} of ${quote(grid)}, expected ${expected}`,
      );
    };
    if (typeof count !== 'number' || !Number.isFinite(count) || count < 0) fail('a natural number');
    else if (!Number.isInteger(count))
      fail('a whole number: Math.ceil covers the rest, and the shader leaves out what is beyond');
    else if (count > most) fail(`at most the adapter's ${most}: spread them over two dimensions`);
    else if (count === 0 && !operands.some(isEmpty)) fail('at least 1, for no tensor is empty');
  }
}

function isEmpty({ shape }: ShapedOperand): boolean {
  return shape.includes(0);
}
