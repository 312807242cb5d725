// A shader compared with the kernel's declaration. The linker takes a misspelt condition for false and leaves out unused
// declarations, so every condition, constant and binding of the text is compared, before and after linking.
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { KernelError } from './errors.ts';
import type { KernelSpec, Variant } from './kernel-spec.ts';

/** Compares the names that the author's text uses with those of a variant. @throws KernelError with both lists. */
export function checkNames(kernel: string, source: string, variant: Variant): void {
  const code = source.replaceAll(/\/\/.*$/gm, '');
  const conditions = new Set(
    [...code.matchAll(/@(?:if|elif)\s*\(([^)]*)\)/g)].flatMap(([, e]) => e?.match(/\w+/g) ?? []),
  );
  const both = Object.keys(variant.constants).find((name) => Object.hasOwn(variant.conditions, name));
  if (both !== undefined) throw new KernelError(kernel, `${both} is a condition and a constant, expected one of them`);
  for (const name of Object.keys(variant.constants)) conditions.delete(name);
  compareSets(kernel, '@if conditions', conditions, Object.keys(variant.conditions));
  const constants = new Set([...code.matchAll(/constants::(\w+)/g)].flatMap(([, constant]) => constant ?? []));
  compareSets(kernel, 'constants', constants, Object.keys(variant.constants));
}

/** Compares the bindings of the linked text with the declared ones. @throws KernelError with both lists. */
export function checkBindings(spec: KernelSpec, wgsl: string): void {
  const shader = new WgslReflect(declarations(wgsl));
  const storage = [...shader.storage].sort((a, b) => a.binding - b.binding);
  const got = storage.map(
    (v) =>
      `${v.group}.${v.binding} ${v.name}: ${v.access} ${scalarOf(v.type.format?.name, v.type.format?.format?.name)}`,
  );
  const want = Object.entries(spec.bindings).map(
    ([name, b], i) => `0.${i} ${name}: ${b.access} ${b.dtype === 'f16' ? 'u32' : b.dtype}`,
  );
  compareLists(spec.name, 'bindings', got, want);
}

/** Keeps the declarations of resources and types: the parser need not understand functions, constants and scratch memory. */
function declarations(wgsl: string): string {
  let kept = '';
  let from = 0;
  for (const { index } of wgsl.matchAll(/\bfn\s/g)) {
    if (index < from) continue;
    const open = wgsl.indexOf('{', index);
    let depth = 0;
    let end = open;
    do {
      if (wgsl[end] === '{') depth++;
      else if (wgsl[end] === '}') depth--;
      end++;
    } while (depth > 0 && end < wgsl.length);
    kept += `${wgsl.slice(from, open)}{}`;
    from = end;
  }
  return (kept + wgsl.slice(from)).replaceAll(/^(const|var<workgroup>)[^;]*;$/gm, '');
}

function scalarOf(element: string | undefined, component: string | undefined): string {
  const name = element ?? '?';
  if (!name.startsWith('vec') && name !== 'atomic') return name;
  return component ?? { f: 'f32', i: 'i32', u: 'u32' }[name.at(-1) ?? ''] ?? name;
}

function compareSets(kernel: string, what: string, got: ReadonlySet<string>, want: readonly string[]): void {
  compareLists(kernel, what, [...got].sort(), [...want].sort());
}

function compareLists(kernel: string, what: string, got: readonly string[], want: readonly string[]): void {
  if (got.join('\n') === want.join('\n')) return;
  throw new KernelError(
    kernel,
    `${what} of the shader are [${got.join('; ')}], the kernel declares [${want.join('; ')}]`,
  );
}
