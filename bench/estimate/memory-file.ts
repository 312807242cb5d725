// The file of the shaders' use of memory, a row for each: `npm run test:isa` compares it with what it compiles, and writes it
// with `--update`, so that a bench knows the waits of kernels on a machine that can't compile them.
import { readFileSync, writeFileSync } from 'node:fs';
import { RoseinferError } from '../../src/util/errors.ts';
import { quote } from '../../src/util/quote.ts';
import type { MemoryUse, ShaderMemory } from './shader-memory.ts';

/** GPU that the shaders in the file are compiled for, as test:isa names it. */
export const MEMORY_FAMILY = 'navi31';

/** Use of memory by shaders. */
export interface MemoryTable {
  /** Driver that compiled them: another may compile otherwise. */
  readonly driver: string;
  /** By label. */
  readonly shaders: ReadonlyMap<string, ShaderMemory>;
}

/** Error of a file that is no table of shaders. */
export class MemoryFileError extends RoseinferError {}

const FILE = new URL('./shader-memory.txt', import.meta.url);
const DRIVER = `shaders of ${MEMORY_FAMILY}, compiled by `;
const HEAD =
  'waits / most loads in flight / words that a lane loads: outside loops, then in a turn of each loop that waits';
/** Separates the cells of a row; names have single spaces. */
const GAP = '  ';

/** Reads the file. @throws MemoryFileError */
export function readMemory(): MemoryTable {
  return parseMemory(readFileSync(FILE, 'utf8'));
}

/** Writes the file. */
export function writeMemory(table: MemoryTable): void {
  writeFileSync(FILE, formatMemory(table));
}

/** Makes the text of the file. */
export function formatMemory({ driver, shaders }: MemoryTable): string {
  const rows = [...shaders].map(([label, { outside, loops }]) =>
    [label, ...[outside, ...loops].map(formatUse)].join(GAP),
  );
  return [DRIVER + driver, HEAD, ...rows, ''].join('\n');
}

/** Parses the text of the file. @throws MemoryFileError that quotes the first line that is not understood. */
export function parseMemory(text: string): MemoryTable {
  const [first = '', head, ...lines] = text.trimEnd().split('\n');
  if (!first.startsWith(DRIVER) || head !== HEAD) {
    throw new MemoryFileError(
      `shader-memory.txt opens with ${quote(`${first}\n${head}`)}, expected ${DRIVER}…, ${HEAD}`,
    );
  }
  const shaders = new Map<string, ShaderMemory>();
  for (const line of lines) {
    const [label = '', ...cells] = line.split(GAP);
    const [outside, ...loops] = cells.map((cell) => parseUse(cell, line));
    if (outside === undefined) throw rowError(line);
    shaders.set(label, { outside, loops });
  }
  return { driver: first.slice(DRIVER.length), shaders };
}

/** Lists a line for each shader whose use of memory is not that of the table, and for each that only one of them has. */
export function compareMemory(found: MemoryTable, recorded: MemoryTable): string[] {
  const textOf = (memory: ShaderMemory | undefined) =>
    memory === undefined ? 'absent' : [memory.outside, ...memory.loops].map(formatUse).join(GAP);
  return [...new Set([...found.shaders.keys(), ...recorded.shaders.keys()])].flatMap((label) => {
    const [is, was] = [textOf(found.shaders.get(label)), textOf(recorded.shaders.get(label))];
    return is === was ? [] : [`${MEMORY_FAMILY}, ${label}: memory ${is}, in shader-memory.txt ${was}`];
  });
}

function formatUse({ waits, inFlight, words }: MemoryUse): string {
  return [waits, inFlight, words].join('/');
}

function parseUse(cell: string, line: string): MemoryUse {
  const [, waits, inFlight, words] = /^(\d+)\/(\d+)\/(\d+)$/.exec(cell) ?? [];
  if (words === undefined) throw rowError(line);
  return { waits: Number(waits), inFlight: Number(inFlight), words: Number(words) };
}

function rowError(line: string): MemoryFileError {
  return new MemoryFileError(
    `shader-memory.txt has the row ${quote(line)}, expected a label and cells of three numbers`,
  );
}
