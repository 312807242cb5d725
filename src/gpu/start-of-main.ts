// Statements at the start of a linked shader's `main`, and the way back to places in the text without them. A built-in value may be a
// parameter once, so one that the author has taken, by itself or in a struct, is found under the author's name, and only others become
// parameters.
import { EntryPoint, type KnownBuiltin, parameterFor } from './entry-point.ts';

/** A text with insertions, and the way back of places in it. */
export interface EditedText {
  readonly text: string;
  /** Place in the text before the insertions of one in the text after them. */
  placeBefore(offset: number): number;
}

/**
 * Inserts statements before the others of `main`.
 *
 * @param wgsl linked text, without comments.
 * @param builtins what the statements need.
 * @param statements makes them of the expressions for these values, in their order.
 * @throws KernelError for a text without `fn main`.
 */
export function atStartOfMain(
  kernel: string,
  wgsl: string,
  builtins: readonly KnownBuiltin[],
  statements: (values: readonly string[]) => string,
): EditedText {
  const entry = new EntryPoint(kernel, wgsl);
  const [open, close, body] = entry.places;
  const added = builtins.filter((builtin) => entry.expressionOf(builtin) === null);
  const values = builtins.map((builtin) => entry.expressionOf(builtin) ?? `added_${builtin}`);
  const separator = /^\s*$|,\s*$/.test(wgsl.slice(open, close)) ? '' : ', ';
  const parameters = added.map((builtin) => parameterFor(builtin, `added_${builtin}`)).join(', ');
  return insertAll(wgsl, [
    { at: close, text: added.length === 0 ? '' : separator + parameters },
    { at: body, text: ` ${statements(values)}` },
  ]);
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
