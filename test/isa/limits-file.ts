// The file of the limits of test:isa: a row for each family and kernel or decode step. `--update` writes it, so that a
// change to a limit is seen in review.
import { readFileSync, writeFileSync } from 'node:fs';
import { formatRow } from '../../bench/report/table.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { quote } from '../../src/util/quote.ts';
import { type FamilyLimits, FIGURE_NAMES, type LimitedFigures } from './limits.ts';

/** All limits, and the driver that compiled for them: another may compile otherwise. */
export interface Limits {
  readonly driver: string;
  readonly families: Readonly<Record<string, FamilyLimits>>;
}

/** Error of a file of limits that is no table of the limited figures. */
export class LimitsError extends RoseinferError {}

const FILE = new URL('./limits.txt', import.meta.url);
const HEAD = ['family', 'kernel or step', ...FIGURE_NAMES];
/** Cells of a row have at least two spaces between them, for names have single ones. */
const WIDTHS = [10, 22, ...FIGURE_NAMES.map((name) => -name.length - 1)];
const DRIVER = 'figures of ';
/** Stands for a figure that a kernel or step does not have. */
const NONE = '-';

/** Reads the limits. @throws LimitsError for a file that is no table of these figures. */
export function readLimits(): Limits {
  return parseLimits(readFileSync(FILE, 'utf8'));
}

/** Writes the limits. */
export function writeLimits(limits: Limits): void {
  writeFileSync(FILE, formatLimits(limits));
}

/** Makes the text of the file: the driver, then a row for each family and kernel or step. */
export function formatLimits({ driver, families }: Limits): string {
  const rows = Object.entries(families).flatMap(([family, subjects]) =>
    Object.entries(subjects).map(([subject, figures]) => [
      family,
      subject,
      ...FIGURE_NAMES.map((name) => String(figures[name] ?? NONE)),
    ]),
  );
  const lines = [HEAD, ...rows].map((cells) => formatRow(cells, WIDTHS));
  return [DRIVER + driver, ...lines, ''].join('\n');
}

/** Parses the text of the file. A column that it lacks, such as that of a new figure, leaves limits out. @throws LimitsError */
export function parseLimits(text: string): Limits {
  const [first = '', head = '', ...lines] = text.trimEnd().split('\n');
  const cellsOf = (line: string) => line.split(/ {2,}/);
  const columns = cellsOf(head).slice(HEAD.length - FIGURE_NAMES.length);
  const names = columns.flatMap((column) => FIGURE_NAMES.filter((name) => name === column));
  if (!first.startsWith(DRIVER) || names.length < columns.length) {
    throw new LimitsError(
      `limits.txt opens with ${quote(`${first}\n${head}`)}, expected ${DRIVER}…, ${HEAD.join(', ')}`,
    );
  }
  const families: Record<string, Record<string, LimitedFigures>> = {};
  for (const line of lines) {
    const [family = '', subject = '', ...figures] = cellsOf(line);
    const pairs = names.map((name, index) => [name, figures[index]]).filter(([, figure]) => figure !== NONE);
    if (pairs.some(([, figure]) => !/^\d+$/.test(figure ?? ''))) {
      throw new LimitsError(
        `limits.txt has the row ${quote(line)}, expected ${names.length} natural numbers or ${NONE}`,
      );
    }
    families[family] ??= {};
    families[family][subject] = Object.fromEntries(pairs.map(([name, figure]) => [name, Number(figure)]));
  }
  return { driver: first.slice(DRIVER.length), families };
}
