// Entry point of a linked shader, as text: its built-in values can be renamed and others put in their places, and statements put
// before its own. No more of WGSL is parsed than that takes.
import { KernelError } from './errors.ts';

/** Built-in values that a rewrite may ask for, with their types. */
const TYPES = {
  local_invocation_id: 'vec3<u32>',
  local_invocation_index: 'u32',
  global_invocation_id: 'vec3<u32>',
  workgroup_id: 'vec3<u32>',
  num_workgroups: 'vec3<u32>',
  subgroup_size: 'u32',
  subgroup_invocation_id: 'u32',
} as const;

/** A built-in value that a rewrite may ask for. */
export type KnownBuiltin = keyof typeof TYPES;

/** A parameter of the entry point. */
interface Parameter {
  readonly attributes: string;
  readonly name: string;
  readonly type: string;
  /** Built-in value that it is; null for a struct of them. */
  readonly builtin: string | null;
}

/** A field of a struct. */
export interface Field {
  readonly attributes: string;
  readonly name: string;
  readonly type: string;
}

/** The text of `fn main` of a shader, taken apart. */
export class EntryPoint {
  readonly wgsl: string;
  /** Expressions of the sizes of a workgroup. */
  readonly workgroupSize: readonly [string, string, string];
  readonly #parameters: readonly Parameter[];
  /** Offsets: after the opening parenthesis, of the closing one, and after the opening brace. */
  readonly places: readonly [open: number, close: number, body: number];

  /** @throws KernelError for a text without `fn main`. */
  constructor(kernel: string, wgsl: string) {
    const found = /\bfn\s+main\s*\(/.exec(wgsl);
    if (found === null) throw new KernelError(kernel, 'the linked shader has no fn main');
    const open = found.index + found[0].length;
    const close = closing(wgsl, open);
    const body = wgsl.indexOf('{', close) + 1;
    this.wgsl = wgsl;
    this.places = [open, close, body];
    this.#parameters = listOf(wgsl.slice(open, close)).map(parameterOf);
    const size = /@workgroup_size\s*\(/g;
    const before = [...wgsl.slice(0, found.index).matchAll(size)].at(-1);
    const from = before === undefined ? 0 : before.index + before[0].length;
    const [x = '1', y = '1', z = '1'] = before === undefined ? [] : listOf(wgsl.slice(from, closing(wgsl, from)));
    this.workgroupSize = [x, y, z];
  }

  /** Names of the built-in values that the shader takes, those in structs among them. */
  get builtins(): string[] {
    return this.#parameters.flatMap(({ builtin, type }) =>
      builtin === null ? builtinsOf(fieldsOf(this.wgsl, type) ?? []).map(([name]) => name) : [builtin],
    );
  }

  /** Expression by which the shader has a built-in value, a parameter or a member of one; null where it does not take it. */
  expressionOf(builtin: KnownBuiltin): string | null {
    for (const { name, type, builtin: own } of this.#parameters) {
      if (own === builtin) return name;
      const field = builtinsOf(fieldsOf(this.wgsl, type) ?? []).find(([known]) => known === builtin);
      if (field !== undefined) return `${name}.${field[1]}`;
    }
    return null;
  }

  /**
   * Puts other values in the places of built-in ones, and statements before the shader's own.
   *
   * @param needs built-in values that the statements take: `given_<name>` each.
   * @param replaced expressions over the names that the statements declare.
   */
  rewrite(
    needs: readonly KnownBuiltin[],
    statements: string,
    replaced: Readonly<Record<string, string>> = {},
    functions = '',
  ): string {
    const [open, close, body] = this.places;
    const given = new Map<string, string>();
    const parameters: string[] = [];
    const rebound: string[] = [];
    for (const { attributes, name, type, builtin } of this.#parameters) {
      const renamed = `given_${name}`;
      if (builtin !== null) {
        const isReplaced = Object.hasOwn(replaced, builtin);
        given.set(builtin, isReplaced ? renamed : name);
        if (isReplaced) rebound.push(`let ${name} = ${replaced[builtin]};`);
        parameters.push(`${attributes}${isReplaced ? renamed : name}: ${type}`);
        continue;
      }
      const fields = builtinsOf(fieldsOf(this.wgsl, type) ?? []);
      for (const [field, member] of fields) given.set(field, `${renamed}.${member}`);
      parameters.push(`${attributes}${renamed}: ${type}`);
      rebound.push(`var ${name} = ${renamed};`);
      for (const [field, member] of fields) {
        if (Object.hasOwn(replaced, field)) rebound.push(`${name}.${member} = ${replaced[field]};`);
      }
    }
    const aliases = needs.map((need) => {
      const known = given.get(need);
      const name = `rose_given_${need}`;
      if (known !== undefined) return `let ${name} = ${known};`;
      parameters.push(parameterFor(need, name));
      return '';
    });
    const prologue = [...aliases, statements, ...rebound].join('\n');
    const { wgsl } = this;
    return `${wgsl.slice(0, open)}${parameters.join(', ')}${wgsl.slice(close, body)}\n${prologue}\n${wgsl.slice(body)}\n${functions}`;
  }
}

/** Declares a parameter that is a built-in value. */
export function parameterFor(builtin: KnownBuiltin, name: string): string {
  return `@builtin(${builtin}) ${name}: ${TYPES[builtin]}`;
}

/** Fields of a struct of a shader; null where it declares none of that name. */
export function fieldsOf(wgsl: string, struct: string): Field[] | null {
  const found = new RegExp(`\\bstruct\\s+${struct.trim().replaceAll(/\W/g, '')}\\s*\\{([^}]*)\\}`).exec(wgsl);
  return found === null ? null : listOf(found[1] ?? '').map(fieldOf);
}

/** Splits a list at the commas that no bracket encloses. */
export function listOf(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const letter of text) {
    if ('(<['.includes(letter)) depth++;
    if (')>]'.includes(letter)) depth--;
    if (letter === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += letter;
  }
  return [...parts, part.trim()].filter((each) => each !== '');
}

/** Offset of the parenthesis that closes the one before `from`. */
export function closing(text: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; at < text.length && depth > 0; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')') depth--;
  }
  return at - 1;
}

function fieldOf(text: string): Field {
  const [, attributes = '', name = '', type = ''] =
    /^((?:@\w+\s*(?:\([^)]*\))?\s*)*)([A-Za-z_]\w*)\s*:\s*([\s\S]+)$/.exec(text) ?? [];
  return { attributes, name, type: type.trim() };
}

function parameterOf(text: string): Parameter {
  const field = fieldOf(text);
  return { ...field, builtin: builtinOf(field) };
}

function builtinsOf(fields: readonly Field[]): [builtin: string, member: string][] {
  return fields.flatMap((field): [string, string][] => {
    const builtin = builtinOf(field);
    return builtin === null ? [] : [[builtin, field.name]];
  });
}

function builtinOf({ attributes }: Field): string | null {
  return /@builtin\s*\(\s*(\w+)/.exec(attributes)?.[1] ?? null;
}
