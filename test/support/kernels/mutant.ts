// A kernel with a planted fault: the positive control of the checks beside it. A text that is not found throws, so no
// control is empty.
import { Kernel } from '../../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../../src/gpu/kernel-spec.ts';
import { modulesOf } from '../../../src/gpu/shader-imports.ts';
import { shadersOf } from '../../../src/gpu/shader-names.ts';
import { shaderSources } from '../../../src/gpu/shader-sources.ts';

/** Texts of a shader and their replacements. */
export type Changes = readonly (readonly [from: string, to: string])[];

/**
 * Makes a kernel with a fault in its shaders or in what they import, to show that a test can fail. A text that several
 * files hold changes in each.
 *
 * @throws Error when a text to change is in none, or in one more than once: then nothing would be shown.
 */
export function mutant<S extends KernelSpec>(kernel: Kernel<S>, changes: Changes): Kernel<S> {
  const sources: Record<string, string> = { ...shaderSources() };
  const files = [...modulesOf(sources, shadersOf(kernel.spec))];
  const changed = new Set<string>();
  for (const [from, to] of changes) {
    const holding = files.filter((file) => sources[file]?.includes(from));
    if (holding.length === 0) throw new Error(`no shader of ${kernel.name} has "${from}"`);
    for (const file of holding) {
      const parts = sources[file]?.split(from) ?? [];
      if (parts.length > 2)
        throw new Error(`shaders/${file}.wgsl has "${from}" ${parts.length - 1} times, expected once`);
      sources[file] = parts.join(to);
      changed.add(file);
    }
  }
  const modules = Object.fromEntries([...changed].map((file) => [file, sources[file] ?? '']));
  return new Kernel<S>({ ...kernel.spec, modules });
}
