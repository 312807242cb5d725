// Shape letters are solved over all operands of a call, and a size that contradicts them is refused by name.
import { KernelError } from './errors.ts';
import type { Dim, Dims, KernelSpec } from './kernel-spec.ts';
import type { BoundOperand, ShapedOperand } from './operands.ts';

/**
 * Solves a kernel's shape letters over all its operands and checks types and sizes.
 *
 * @param scalars values given by name; they count as solved letters too.
 * @returns the scalars and every letter.
 * @throws KernelError, e.g. `layernorm: gamma is [4], expected [C] with C = 3`.
 */
export function solveDims(
  spec: KernelSpec,
  operands: readonly ShapedOperand[],
  scalars: Readonly<Record<string, number>>,
): Dims {
  const dims: Record<string, number> = { ...scalars };
  for (const operand of operands) {
    const { name, binding, dtype, shape } = operand;
    if (dtype !== binding.dtype) throw new KernelError(spec.name, `${name} is ${dtype}, expected ${binding.dtype}`);
    if (shape.length !== binding.shape.length) throw mismatch(spec.name, operand, dims);
    binding.shape.forEach((dim, i) => {
      if (typeof dim === 'string') dims[dim] ??= shape[i] ?? 0;
    });
  }
  for (const operand of operands) {
    const fits = operand.binding.shape.every((dim, i) => sizeOf(dim, dims) === operand.shape[i]);
    if (!fits) throw mismatch(spec.name, operand, dims);
  }
  return dims;
}

/** Returns a size of a shape: a number, or a solved letter, or a function of solved letters. */
export function sizeOf(dim: Dim, dims: Dims): number {
  if (typeof dim === 'number') return dim;
  return typeof dim === 'string' ? (dims[dim] ?? 0) : dim(dims);
}

function mismatch(kernel: string, { name, binding, shape: given }: ShapedOperand, dims: Dims): KernelError {
  const shape: readonly Dim[] = binding.shape;
  const letters = shape.map((dim) => (typeof dim === 'function' ? sizeOf(dim, dims) : dim));
  const known = shape.flatMap((dim) =>
    typeof dim === 'string' && dims[dim] !== undefined ? [`${dim} = ${dims[dim]}`] : [],
  );
  const where = known.length > 0 ? ` with ${[...new Set(known)].join(', ')}` : '';
  return new KernelError(kernel, `${name} is [${given.join(', ')}], expected [${letters.join(', ')}]${where}`);
}

/**
 * Refuses a buffer that is bound for writing and bound again in the same dispatch, whatever the ranges, as WebGPU does.
 *
 * @throws KernelError that names both operands.
 */
export function checkAliasing(spec: KernelSpec, operands: readonly BoundOperand[]): void {
  const users = new Map<GPUBuffer, string>();
  const written = new Set<GPUBuffer>();
  for (const { name, binding, range } of operands) {
    const { buffer } = range;
    const writes = binding.access === 'read_write';
    const other = users.get(buffer);
    if (other !== undefined && (writes || written.has(buffer))) {
      throw new KernelError(spec.name, `${other} and ${name} are the same buffer and one of them is written`);
    }
    users.set(buffer, name);
    if (writes) written.add(buffer);
  }
}
