import { Kernel } from '../../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../../src/gpu/kernel-spec.ts';
import { shaderSources } from '../../../src/gpu/shader-sources.ts';

/** Texts of a shader and what takes their places. */
export type Changes = readonly (readonly [from: string, to: string])[];

/**
 * The kernel with a fault in its shader, to show that a test can fail.
 *
 * @throws Error when a text to change is not there exactly once, since then nothing would be shown.
 */
export function mutant<S extends KernelSpec>(kernel: Kernel<S>, changes: Changes): Kernel<S> {
  return new Kernel<S>({ ...kernel.spec, source: faulty(kernel.spec.shader ?? kernel.name, changes) });
}

/** The kernel with a fault in a module that its shader imports; throws as `mutant`. */
export function mutantOfModule<S extends KernelSpec>(kernel: Kernel<S>, name: string, changes: Changes): Kernel<S> {
  return new Kernel<S>({ ...kernel.spec, modules: { ...kernel.spec.modules, [name]: faulty(name, changes) } });
}

function faulty(name: string, changes: Changes): string {
  let source = shaderSources()[name] ?? '';
  for (const [from, to] of changes) {
    const parts = source.split(from);
    if (parts.length !== 2)
      throw new Error(`shaders/${name}.wgsl has "${from}" ${parts.length - 1} times, expected once`);
    source = parts.join(to);
  }
  return source;
}
