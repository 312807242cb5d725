// Turns a shader file and a variant into plain WGSL. The linker takes a misspelt condition for false and leaves out what
// is unused, so every condition and constant that the text names is compared with what the kernel declares.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { link } from 'wesl';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { packageFile } from '../util/package-file.ts';
import { KernelError } from './errors.ts';
import type { KernelSpec, Variant } from './kernel-spec.ts';

const SHADERS = packageFile('shaders/');
/** Condition that every shader knows: how its `Params` arrive. */
const IMMEDIATES = 'IMMEDIATES';

let sources: Record<string, string> | null = null;

/**
 * Text of every file in `shaders/`, by file name without extension.
 *
 * @throws KernelError when they are not where the code expects them, as in a program that was bundled without them.
 */
export function shaderSources(): Readonly<Record<string, string>> {
  if (sources) return sources;
  const names = readNames().filter((name) => name.endsWith('.wgsl'));
  if (names.length === 0) throw lostShaders('it holds none');
  sources = Object.fromEntries(names.map((name) => [name.slice(0, -5), readFileSync(new URL(name, SHADERS), 'utf8')]));
  return sources;
}

function readNames(): readonly string[] {
  try {
    return readdirSync(SHADERS);
  } catch (error) {
    throw lostShaders(error instanceof Error ? error.message : String(error));
  }
}

function lostShaders(reason: string): KernelError {
  const expected = `expected the WGSL files of roseinfer in ${fileURLToPath(SHADERS)}, but ${reason}`;
  const remedy = "copy the package's shaders/ there, or let the bundler leave roseinfer out (as external)";
  return new KernelError('shaders', `${expected}; where a program was bundled, ${remedy}`);
}

/**
 * Links a variant of a kernel's shader.
 *
 * @returns plain WGSL.
 * @throws KernelError when the shader is missing or names a condition or constant that the kernel does not declare.
 */
export async function linkShader(spec: KernelSpec, variant: Variant, immediates: boolean): Promise<string> {
  const name = spec.shader ?? spec.name;
  const files = { ...shaderSources(), ...spec.modules };
  const source = spec.source ?? files[name];
  if (source === undefined)
    throw new KernelError(spec.name, `no shader file ${fileURLToPath(new URL(`${name}.wgsl`, SHADERS))}`);
  checkNames(spec.name, source, variant);
  const nonzero = Object.entries(variant.constants).map(([constant, value]) => [constant, value !== 0]);
  const weslSrc: Record<string, string> = { [`${name}.wgsl`]: source };
  for (const [file, text] of Object.entries(files)) if (file !== name) weslSrc[`${file}.wgsl`] = text;
  try {
    const linked = await link({
      weslSrc,
      rootModuleName: name,
      conditions: { ...Object.fromEntries(nonzero), ...variant.conditions, [IMMEDIATES]: immediates },
      constants: { ...variant.constants },
      keepComments: false,
      sourceMap: false,
    });
    return linked.dest;
  } catch (error) {
    throw new KernelError(spec.name, `does not link: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkNames(kernel: string, source: string, variant: Variant): void {
  const code = source.replaceAll(/\/\/.*$/gm, '');
  const conditions = new Set(
    [...code.matchAll(/@(?:if|elif)\s*\(([^)]*)\)/g)].flatMap(([, e]) => e?.match(/\w+/g) ?? []),
  );
  const both = Object.keys(variant.constants).find((name) => Object.hasOwn(variant.conditions, name));
  if (both !== undefined) throw new KernelError(kernel, `${both} is a condition and a constant, expected one of them`);
  for (const name of [IMMEDIATES, ...Object.keys(variant.constants)]) conditions.delete(name);
  compare(kernel, '@if conditions', conditions, Object.keys(variant.conditions));
  const constants = new Set([...code.matchAll(/constants::(\w+)/g)].flatMap(([, constant]) => constant ?? []));
  compare(kernel, 'constants', constants, Object.keys(variant.constants));
}

/** Compares what the linked shader declares with the spec. @throws KernelError with both lists. */
export function checkAgainstShader(spec: KernelSpec, wgsl: string, immediates: boolean): void {
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
  const params = (immediates ? shader.immediates : shader.uniforms)[0];
  const fields = (params?.type.members ?? []).map((m) => `${m.name}: ${m.type.name} at ${m.offset}`);
  const declared = Object.entries(spec.params).map(([name, type], i) => `${name}: ${type} at ${4 * i}`);
  compareLists(spec.name, 'params', fields, declared);
}

/** Resource and type declarations only: the parser need not understand what functions, constants and scratch memory do. */
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

function compare(kernel: string, what: string, got: ReadonlySet<string>, want: readonly string[]): void {
  compareLists(kernel, what, [...got].sort(), [...want].sort());
}

function compareLists(kernel: string, what: string, got: readonly string[], want: readonly string[]): void {
  if (got.join('\n') === want.join('\n')) return;
  throw new KernelError(
    kernel,
    `${what} of the shader are [${got.join('; ')}], the kernel declares [${want.join('; ')}]`,
  );
}
