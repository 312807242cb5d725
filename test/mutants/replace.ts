// Kernels with another text of a shader: the hook by which a table runs against a mutant.
import { Kernel } from '../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../src/gpu/kernel-spec.ts';

/** Replacement that a table applies to each of its kernels before it runs it. */
export type Replace = <S extends KernelSpec>(kernel: Kernel<S>) => Kernel<S>;

/** Gives kernels another text of a shader, their own or a module's. */
export function withShader(shader: string, source: string): Replace {
  return <S extends KernelSpec>(kernel: Kernel<S>) => new Kernel<S>({ ...kernel.spec, modules: { [shader]: source } });
}
