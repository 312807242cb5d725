// A shader compared with the kernel's declaration. The linker takes a misspelt condition for false and leaves out unused
// declarations, so every condition, constant and binding of the text is compared, before and after linking.
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { expectedNames } from '../util/keys.ts';
import { KernelError } from './errors.ts';
import { shaderError } from './explain-shader.ts';
import type { KernelSpec, Variant } from './kernel-spec.ts';
import { isPrinting, PRINT_CONDITION } from './print-shader.ts';
import type { ShaderOwner } from './shader-error.ts';
import { choicesOfShader, shadersOf } from './shader-names.ts';
import type { ShaderText } from './shader-texts.ts';

/**
 * Compares the conditions and constants that the authors' texts use with those of a variant: the kernel's own texts, those
 * that they import, and the choice between the former.
 *
 * @throws ShaderError with line and caret for a name that the kernel does not declare; KernelError with both lists for one that
 * no text uses.
 */
export function checkNames(
  owner: ShaderOwner,
  spec: KernelSpec,
  texts: ReadonlyMap<string, ShaderText>,
  variant: Variant,
): void {
  const { kernel } = owner;
  const [conditions, constants] = [Object.keys(variant.conditions), Object.keys(variant.constants)];
  const both = constants.find((name) => conditions.includes(name));
  if (both !== undefined) throw new KernelError(kernel, `${both} is a condition and a constant, expected one of them`);
  const declaresPrint = conditions.includes(PRINT_CONDITION);
  if (declaresPrint && !isPrinting(spec)) {
    throw new KernelError(kernel, `condition ${PRINT_CONDITION} is that of print: name yours otherwise`);
  }
  const choices = choicesOfShader(spec);
  const used = {
    conditions: new Set(choices.filter((name) => conditions.includes(name))),
    constants: new Set(choices.filter((name) => !conditions.includes(name))),
  };
  for (const text of importedBy(shadersOf(spec), texts)) {
    const code = withoutComments(text.text);
    const refuse = (what: string, name: string, offset: number, known: readonly string[]) => {
      const expected = known.length === 0 ? `no ${what}` : expectedNames(name, known);
      throw shaderError(
        owner,
        text,
        { offset, length: name.length },
        `${what} ${name} is not declared, expected ${expected}`,
      );
    };
    for (const { index, 0: attribute, 1: expression = '' } of code.matchAll(/@(?:if|elif)\s*\(([^)]*)\)/g)) {
      const start = index + attribute.indexOf(expression);
      for (const { index: at, 0: name } of expression.matchAll(/\b[A-Za-z_]\w*/g)) {
        if (name === 'true' || name === 'false' || name === PRINT_CONDITION) continue;
        const known = [...conditions, ...constants];
        if (!known.includes(name)) refuse('condition', name, start + at, known);
        used.conditions.add(name);
      }
    }
    for (const { index, 0: path, 1: name = '' } of code.matchAll(/\bconstants::(\w+)/g)) {
      if (!constants.includes(name)) refuse('constant', name, index + path.length - name.length, constants);
      used.constants.add(name);
    }
  }
  if (declaresPrint) used.conditions.add(PRINT_CONDITION);
  for (const name of constants) used.conditions.delete(name);
  compareSets(kernel, '@if conditions', used.conditions, conditions);
  compareSets(kernel, 'constants', used.constants, constants);
}

/** The texts that take part in a link: the roots and what they import, directly or not. */
function importedBy(roots: readonly string[], texts: ReadonlyMap<string, ShaderText>): ShaderText[] {
  const names = new Set(roots);
  // Iteration over a set includes what is added meanwhile.
  for (const name of names) {
    const code = withoutComments(texts.get(name)?.text ?? '');
    for (const [, imported = ''] of code.matchAll(/\bpackage::(\w+)/g)) names.add(imported);
  }
  return [...names].flatMap((name) => texts.get(name) ?? []);
}

/** Blanks comments: what follows stays where it is. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\/.*$/gm, (comment) => ' '.repeat(comment.length));
}

/** Compares the bindings of the linked text with the declared ones. @throws KernelError with both lists. */
export function checkBindings(spec: KernelSpec, wgsl: string): void {
  const shader = new WgslReflect(declarations(wgsl));
  const storage = [...shader.storage].sort((a, b) => a.binding - b.binding);
  const got = storage.map(
    (v) =>
      `${v.group}.${v.binding} ${v.name}: ${v.access} ${scalarOf(v.type.format?.name, v.type.format?.format?.name)}`,
  );
  const want = Object.entries(spec.bindings).map(([name, b], i) => {
    const declared = `0.${i} ${name}: ${b.access}`;
    const isHalf = got[i] === `${declared} f16`;
    return `${declared} ${b.dtype === 'f16' && !isHalf ? 'u32' : b.dtype}`;
  });
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
