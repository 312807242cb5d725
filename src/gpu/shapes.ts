import { KernelError } from './errors.ts';
import type { Dim, Dims, KernelSpec } from './kernel-spec.ts';
import type { Tensor } from './tensor.ts';

/**
 * Solves a kernel's shape letters over all its tensors and checks types, sizes and aliasing.
 *
 * @param scalars values given by name; they count as solved letters too.
 * @returns the scalars and every letter.
 * @throws KernelError, e.g. `layernorm: gamma is [4], expected [C] with C = 3`.
 */
export function solveDims(
  spec: KernelSpec,
  tensors: readonly (readonly [string, Tensor])[],
  scalars: Readonly<Record<string, number>>,
): Dims {
  const dims: Record<string, number> = { ...scalars };
  for (const [name, tensor] of tensors) {
    const binding = spec.bindings[name];
    if (!binding) continue;
    if (tensor.dtype !== binding.dtype) {
      throw new KernelError(spec.name, `${name} is ${tensor.dtype}, expected ${binding.dtype}`);
    }
    if (tensor.shape.length !== binding.shape.length) throw mismatch(spec.name, name, tensor, binding.shape, dims);
    binding.shape.forEach((dim, i) => {
      if (typeof dim === 'string') dims[dim] ??= tensor.shape[i] ?? 0;
    });
  }
  for (const [name, tensor] of tensors) {
    const shape = spec.bindings[name]?.shape ?? [];
    const fits = shape.every((dim, i) => sizeOf(dim, dims) === tensor.shape[i]);
    if (!fits) throw mismatch(spec.name, name, tensor, shape, dims);
  }
  checkAliasing(spec, tensors);
  return dims;
}

function sizeOf(dim: Dim, dims: Dims): number {
  if (typeof dim === 'number') return dim;
  return typeof dim === 'string' ? (dims[dim] ?? 0) : dim(dims);
}

function mismatch(kernel: string, name: string, tensor: Tensor, shape: readonly Dim[], dims: Dims): KernelError {
  const letters = shape.map((dim) => (typeof dim === 'function' ? sizeOf(dim, dims) : dim));
  const known = shape.flatMap((dim) =>
    typeof dim === 'string' && dims[dim] !== undefined ? [`${dim} = ${dims[dim]}`] : [],
  );
  const where = known.length > 0 ? ` with ${[...new Set(known)].join(', ')}` : '';
  return new KernelError(kernel, `${name} is [${tensor.shape.join(', ')}], expected [${letters.join(', ')}]${where}`);
}

/** WebGPU refuses a buffer that is bound for writing and bound again in the same dispatch, whatever the ranges. */
function checkAliasing(spec: KernelSpec, tensors: readonly (readonly [string, Tensor])[]): void {
  const users = new Map<GPUBuffer, string>();
  const written = new Set<GPUBuffer>();
  for (const [name, tensor] of tensors) {
    const { buffer } = tensor.range;
    const writes = spec.bindings[name]?.access === 'read_write';
    const other = users.get(buffer);
    if (other !== undefined && (writes || written.has(buffer))) {
      throw new KernelError(spec.name, `${other} and ${name} are the same buffer and one of them is written`);
    }
    users.set(buffer, name);
    if (writes) written.add(buffer);
  }
}
