// Shaders that print, under the condition DEBUG: a kernel that is run with `print` has the binding `print_ring` after its own, and the
// linker adds what `print_u32` and its like need. Without `print` no line of this reaches a shader.
import { KernelError } from './errors.ts';
import type { KernelSpec } from './kernel-spec.ts';
import { write } from './kernel-spec.ts';
import { atStartOfMain, type EditedText } from './start-of-main.ts';

/** Condition of a shader's statements that print. */
export const PRINT_CONDITION = 'DEBUG';
/** Binding of the lines. */
export const PRINT_RING = 'print_ring';
/** File in `shaders/` with the functions. */
const PRINT_SHADER = 'print';
const FUNCTIONS = /\bprint_(?:u32|i32|f32)\b/g;
/** A call of one in a linked text, which has their declarations, too. */
const CALL = /(?<!\bfn )\bprint_(?:u32|i32|f32)\s*\(/;

/** Makes the declaration of a kernel that prints: it runs as the other does, and has one more binding, of any length. */
export function printingSpec(spec: KernelSpec): KernelSpec {
  return {
    ...spec,
    bindings: { ...spec.bindings, [PRINT_RING]: write.u32('PRINT_WORDS') },
    conditions: (traits) => ({ ...spec.conditions?.(traits), [PRINT_CONDITION]: true }),
  };
}

/** Tells whether a declaration is one of `printingSpec`. */
export function isPrinting({ bindings }: KernelSpec): boolean {
  return Object.hasOwn(bindings, PRINT_RING);
}

/**
 * Returns what is linked after a root shader that prints; nothing for others.
 *
 * @throws KernelError for a shader that declares these functions itself.
 */
export function printDeclarations(spec: KernelSpec, source: string, shaders: Readonly<Record<string, string>>): string {
  if (!isPrinting(spec)) return '';
  const [, own] = /^\s*fn\s+(print_(?:u32|i32|f32))\b/m.exec(source) ?? [];
  if (own !== undefined) throw new KernelError(spec.name, `the shader declares ${own}, but print does: leave it out`);
  const binding = Object.keys(spec.bindings).indexOf(PRINT_RING);
  const ring = `@group(0) @binding(${binding}) var<storage, read_write> ${PRINT_RING}: array<atomic<u32>>;`;
  return `\n${shaders[PRINT_SHADER] ?? ''}\n${ring}\n`;
}

/** Returns the imports of a module that prints, before its text, from the root shader; nothing for others. */
export function printImports(spec: KernelSpec, root: string, module: string): string {
  if (!isPrinting(spec)) return '';
  const names = new Set([...module.matchAll(FUNCTIONS)].map(([name]) => name));
  return [...names].map((name) => `import package::${root}::${name}; `).join('');
}

/**
 * Has `main` tell the functions of print which lane it is.
 *
 * @throws KernelError when nothing of the linked text prints.
 */
export function tellLane(spec: KernelSpec, wgsl: string): EditedText {
  if (!CALL.test(wgsl)) {
    const expected = `@if(${PRINT_CONDITION}) print_f32(tag, value); or print_u32, print_i32, in a text that this variant links`;
    throw new KernelError(spec.name, `prints nothing, expected ${expected}`);
  }
  const builtins = ['workgroup_id', 'local_invocation_id', 'local_invocation_index'] as const;
  return atStartOfMain(
    spec.name,
    wgsl,
    builtins,
    ([workgroup, local, lane]) => `print_workgroup = ${workgroup}; print_local = ${local}; print_lane = ${lane};`,
  );
}
