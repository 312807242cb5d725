// Statements at the start of a linked shader's `main`. A built-in value may be a parameter once, so one that the author has taken, by
// itself or in a struct, is found under the author's name, and only others become parameters.

/** A text with insertions, and the way back of places in it. */
export interface EditedText {
  readonly text: string;
  /** Place in the text before the insertions of one in the text after them. */
  placeBefore(offset: number): number;
}

/** A built-in value of compute shaders and its type. */
export type Builtin = readonly [name: string, type: string];

/**
 * Inserts statements before the others of `main`.
 *
 * @param wgsl linked text, without comments.
 * @param builtins what the statements need.
 * @param statements makes them of the expressions for these values, in their order.
 */
export function atStartOfMain(
  wgsl: string,
  builtins: readonly Builtin[],
  statements: (values: readonly string[]) => string,
): EditedText {
  const head = /\bfn\s+main\s*\(/.exec(wgsl);
  const open = head === null ? -1 : head.index + head[0].length;
  const close = open === -1 ? -1 : closingParenthesis(wgsl, open);
  const body = close === -1 ? -1 : wgsl.indexOf('{', close) + 1;
  // The driver says what is wrong with a text without the entry point.
  if (body <= 0) return insertAll(wgsl, []);
  const parameters = wgsl.slice(open, close);
  const added: string[] = [];
  const values = builtins.map(([name, type]) => {
    const known = expressionFor(wgsl, parameters, name);
    if (known !== null) return known;
    added.push(`@builtin(${name}) added_${name}: ${type}`);
    return `added_${name}`;
  });
  const separator = /^\s*$|,\s*$/.test(parameters) ? '' : ', ';
  const more = added.length === 0 ? '' : separator + added.join(', ');
  return insertAll(wgsl, [
    { at: close, text: more },
    { at: body, text: ` ${statements(values)}` },
  ]);
}

/** Finds the expression for a built-in value among parameters; null where `main` does not take it. */
function expressionFor(wgsl: string, parameters: string, builtin: string): string | null {
  const taken = new RegExp(`@builtin\\s*\\(\\s*${builtin}\\s*,?\\s*\\)\\s*(\\w+)\\s*:`);
  const [, parameter] = taken.exec(parameters) ?? [];
  if (parameter !== undefined) return parameter;
  for (const [, struct = '', members = ''] of wgsl.matchAll(/\bstruct\s+(\w+)\s*\{([^}]*)\}/g)) {
    const [, member] = taken.exec(members) ?? [];
    const [, holder] = new RegExp(`(\\w+)\\s*:\\s*${struct}\\b`).exec(parameters) ?? [];
    if (member !== undefined && holder !== undefined) return `${holder}.${member}`;
  }
  return null;
}

/** Finds the end of a list whose first character is at `from`; -1 where it has none. */
function closingParenthesis(wgsl: string, from: number): number {
  let depth = 1;
  for (let at = from; at < wgsl.length; at++) {
    if (wgsl[at] === '(') depth++;
    else if (wgsl[at] === ')' && --depth === 0) return at;
  }
  return -1;
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** @param insertions by ascending places in the text. */
function insertAll(whole: string, insertions: readonly Insertion[]): EditedText {
  let text = '';
  let from = 0;
  for (const { at, text: inserted } of insertions) {
    text += whole.slice(from, at) + inserted;
    from = at;
  }
  return {
    text: text + whole.slice(from),
    placeBefore(offset) {
      let before = offset;
      for (const { at, text: inserted } of insertions) {
        if (before > at) before = Math.max(at, before - inserted.length);
      }
      return before;
    },
  };
}
