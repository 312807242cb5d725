// Notebooks as files: cells and what they printed. Times and the names of adapters differ from machine to machine, so outputs are
// compared by their kinds and by their words.
import { readFileSync } from 'node:fs';

interface Output {
  readonly output_type: string;
  /** Of a stream: stdout or stderr. */
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Cell {
  readonly cell_type: string;
  readonly source: string | readonly string[];
  readonly outputs?: readonly Output[];
}

/** Cells of a notebook. */
export interface Notebook {
  readonly cells: readonly Cell[];
}

/** Reads a notebook. */
export function readNotebook(path: string): Notebook {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/**
 * Compares the outputs of a notebook with those that are stored.
 *
 * @returns a line for each cell whose outputs have other kinds or words; numbers may differ.
 */
export function compareOutputs(stored: Notebook, executed: Notebook): string[] {
  return stored.cells.flatMap((cell, i) => {
    const [want, got] = [describe(cell), describe(executed.cells[i])];
    return want === got ? [] : [`cell ${i + 1}: printed\n${got}\nexpected\n${want}`];
  });
}

/** Describes the outputs of a cell without what differs from machine to machine. */
function describe(cell: Cell | undefined): string {
  return (cell?.outputs ?? [])
    .filter(({ name }) => name !== 'stderr')
    .map(({ output_type, text, data = {} }) => {
      const plain = words(joined(text) + joined(data['text/plain']));
      return `${output_type} ${Object.keys(data).sort().join(' ')} ${plain}`;
    })
    .join('\n');
}

/** Leaves the words of a text: no numbers, and no verdicts that follow from times. */
function words(text: string): string {
  return text.replaceAll(/\d[\d.,e×-]*/g, '#').replaceAll(/\b(faster|slower|same)\b/g, 'speed');
}

function joined(text: unknown): string {
  if (Array.isArray(text)) return text.join('');
  return typeof text === 'string' ? text : '';
}
