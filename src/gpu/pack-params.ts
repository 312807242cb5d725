// Scalars of a dispatch as the words of the shader's `params`: a value that its type can't hold is refused, never wrapped.
import { KernelError } from './errors.ts';
import type { Dims, KernelSpec, ScalarType } from './kernel-spec.ts';

const HOLDS: Readonly<Record<ScalarType, (value: number) => boolean>> = {
  u32: (value) => value >>> 0 === value,
  i32: (value) => (value | 0) === value,
  // Rounded, but never to infinity.
  f32: (value) => Number.isFinite(Math.fround(value)) === Number.isFinite(value),
};

/**
 * Packs a word for each of the kernel's params; null where it has none.
 *
 * @throws KernelError that names a scalar, its value and its type.
 */
export function packParams({ name: kernel, params = {} }: KernelSpec, dims: Dims): Uint32Array | null {
  const entries = Object.entries(params);
  if (entries.length === 0) return null;
  const words = new Uint32Array(entries.length);
  const arrays = { u32: words, i32: new Int32Array(words.buffer), f32: new Float32Array(words.buffer) };
  entries.forEach(([name, type], i) => {
    const value = dims[name];
    if (value === undefined) throw new KernelError(kernel, `scalar ${name} is missing`);
    if (!HOLDS[type](value)) throw new KernelError(kernel, `scalar ${name} is ${value}, expected ${type}`);
    arrays[type][i] = value;
  });
  return words;
}
