// The files of a report, --report and --report-svg of the benchmarks: looked at before a run, written at its end. What is there already
// stays, unless --overwrite says otherwise: pictures are made to be kept.
import { constants } from 'node:fs';
import { access, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nameFlag, switchFlag } from '../../src/terminal/flags.ts';
import type { IdleFlags } from '../../src/terminal/idle-flags.ts';
import { replaceFile } from '../../src/terminal/output-file.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { quote } from '../../src/util/quote.ts';
import { drawCharts, type ReportPage, renderPage } from './report-page.ts';
import { loadVega } from './vega.ts';

/** Flags of a report. */
export const reportFlags = {
  report: {
    ...nameFlag('report'),
    describe: 'HTML file to write the results to as one page with figures, which opens in any browser',
  },
  'report-svg': { ...nameFlag('report-svg'), describe: 'directory to write the figures of the page to, as SVG files' },
  overwrite: {
    ...switchFlag('overwrite'),
    describe: 'replace the files of --report and --report-svg where they exist',
  },
};

/** Values of these flags. */
export interface ReportArgs {
  readonly report?: string | undefined;
  readonly 'report-svg'?: string | undefined;
  readonly overwrite?: boolean | undefined;
}

/** Flags of a report that change nothing beside others. */
export const IDLE_REPORT_FLAGS: readonly IdleFlags<ReportArgs>[] = [
  { flags: ['overwrite'], isIdle: (args) => !wantsReport(args), why: 'without --report or --report-svg' },
];

/** Error of an output that is there already. */
class OutputExistsError extends RoseinferError {
  readonly flag: string;
  readonly path: string;

  constructor(flag: string, path: string, found: string, expected: string) {
    super(`${flag} is ${quote(path)}, ${found}; expected ${expected}, or --overwrite`);
    this.flag = flag;
    this.path = path;
  }
}

/** Error of a directory that can't take the figures. */
class FigureDirectoryError extends RoseinferError {
  readonly path: string;

  constructor(path: string, cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : cause;
    super(`${SVG_FLAG} is ${quote(path)} (${code}), expected a directory that can be written`, { cause });
    this.path = path;
  }
}

const FLAG = '--report';
const SVG_FLAG = '--report-svg';

/** Tells whether a report was asked for. */
export function wantsReport(args: ReportArgs): boolean {
  return args.report !== undefined || args['report-svg'] !== undefined;
}

/**
 * Checks before a long run that a report can be drawn and that it replaces nothing. That `--report` can be written and is no other file
 * of the command is checked by `checkOutputs`.
 *
 * @throws MissingVegaError, or an error that names the flag.
 */
export async function checkReport({ report, 'report-svg': svg, overwrite = false }: ReportArgs): Promise<void> {
  if (report === undefined && svg === undefined) return;
  await loadVega();
  if (report !== undefined && !overwrite && (await isFile(report))) {
    throw new OutputExistsError(FLAG, report, 'which exists', 'a new file');
  }
  if (svg === undefined) return;
  const names = await namesIn(svg);
  if (names === null) await checkParent(svg);
  else await access(svg, constants.W_OK).catch((cause) => Promise.reject(new FigureDirectoryError(svg, cause)));
  if (!overwrite && names?.some((name) => name.endsWith('.svg'))) {
    throw new OutputExistsError(SVG_FLAG, svg, 'which has SVG files', 'a new directory');
  }
}

/**
 * Writes a report to the files that were asked for.
 *
 * @throws MissingVegaError, OutputFileError, or an error that names the directory.
 */
export async function writeReport({ report, 'report-svg': svg }: ReportArgs, page: ReportPage): Promise<void> {
  if (report === undefined && svg === undefined) return;
  const drawings = await drawCharts(page);
  if (report !== undefined) await replaceFile(FLAG, report, renderPage(page, drawings));
  if (svg === undefined) return;
  await mkdir(svg, { recursive: true }).catch((cause) => Promise.reject(new FigureDirectoryError(svg, cause)));
  for (const [name, drawing] of drawings) await replaceFile(SVG_FLAG, join(svg, `${name}.svg`), `${drawing}\n`);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Lists the names in a directory; null where there is none. @throws FigureDirectoryError for something else than a directory. */
async function namesIn(path: string): Promise<readonly string[] | null> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new FigureDirectoryError(path, cause);
  }
}

/** Checks that a directory can be made: the nearest one above it that exists can be written. */
async function checkParent(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    if ((await namesIn(parent)) === null) await checkParent(parent);
    else await access(parent, constants.W_OK);
  } catch (cause) {
    throw cause instanceof FigureDirectoryError ? cause : new FigureDirectoryError(path, cause);
  }
}
