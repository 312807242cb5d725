// Files of a kernel's shader. Variants that are different algorithms have a file each, so that neither is read through the
// other's conditions.
import type { KernelSpec, ShaderChoice, Variant } from './kernel-spec.ts';

/** Names the file that a variant is linked from, without extension; the kernel's own `source` takes the place of any. */
export function shaderOf(spec: KernelSpec, { conditions, constants }: Variant): string {
  const { otherwise, ...files } = filesOf(spec);
  const chosen = Object.entries(files).find(([choice]) => conditions[choice] ?? constants[choice]);
  return chosen?.[1] ?? otherwise;
}

/** Names every file that some variant of a kernel is linked from. */
export function shadersOf(spec: KernelSpec): string[] {
  return Object.values(filesOf(spec)).flatMap((file) => file ?? []);
}

/** Names the conditions and constants that choose the file. */
export function choicesOfShader({ shader }: KernelSpec): string[] {
  return typeof shader === 'object' ? Object.keys(shader).filter((choice) => choice !== 'otherwise') : [];
}

function filesOf({ name, shader = name, source }: KernelSpec): ShaderChoice {
  if (typeof shader === 'string') return { otherwise: shader };
  return source === undefined ? shader : { otherwise: name };
}
