// The authors' texts of a shader, for messages: a position in a text becomes its file, line and column, the line itself and
// a caret under it.

/** A text that takes part in a link, as its author wrote it. */
export interface ShaderText {
  /** How messages name it: `source`, `module mine` or a path. */
  readonly title: string;
  readonly text: string;
  /** Characters that the linker put into it: positions after them are as much further on. */
  readonly inserted: { readonly at: number; readonly length: number };
}

/** A place in an author's text. */
export interface ShaderPlace {
  readonly title: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The line with its number, and carets under the place. */
  readonly excerpt: readonly string[];
}

/**
 * Finds a place.
 *
 * @param offset characters from the start of the text as it was linked.
 * @param length characters that are meant, of the first line at most.
 */
export function placeOf({ title, text, inserted }: ShaderText, offset: number, length: number): ShaderPlace {
  const isAfter = offset >= inserted.at + inserted.length;
  const position = Math.min(isAfter ? offset - inserted.length : Math.min(offset, inserted.at), text.length);
  const start = text.lastIndexOf('\n', position - 1) + 1;
  const line = text.slice(0, start).split('\n').length;
  const lineText = text.slice(start).split('\n', 1)[0] ?? '';
  const column = position - start + 1;
  const numCarets = Math.max(1, Math.min(length, lineText.length - column + 1));
  const margin = ' '.repeat(String(line).length);
  // Tabs stay tabs, so that the carets stand where the text does.
  const indent = lineText.slice(0, column - 1).replaceAll(/[^\t]/g, ' ');
  const excerpt = [`  ${line} | ${lineText}`, `  ${margin} | ${indent}${'^'.repeat(numCarets)}`];
  return { title, line, column, excerpt };
}
