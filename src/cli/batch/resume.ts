// The start of a run on an output that is there: it goes on where the same run was cut, begins anew if told to, and refuses all else.
import { randomBytes } from 'node:crypto';
import { quote } from '../../util/quote.ts';
import { drawSeed } from '../../util/rng.ts';
import { STANDARD } from './batch-files.ts';
import { LineSet } from './line-set.ts';
import type { FoundResults, ResultFile } from './result-file.ts';
import {
  checkSameRun,
  type NextRun,
  OtherRunError,
  type QueuedRun,
  type RunRecord,
  readRecord,
  writeRecord,
} from './run-record.ts';
import type { InputScan } from './scan-input.ts';

/** Output of a run, and where it stands. */
export interface OutputState {
  readonly path: string;
  readonly file: ResultFile;
  /** Record of the run that it has results of; null for one to begin. */
  readonly record: RunRecord | null;
  /** Run whose results are overwritten. */
  readonly former: QueuedRun | null;
}

/** Results that are there, and the seed of the run. */
export interface StartingPoint extends FoundResults {
  readonly seed: number;
  readonly queue: QueuedRun | null;
  /** Run that this one replaces, whose messages in the queue have no reader. */
  readonly former: QueuedRun | null;
  /** True where the same command goes on after a cut. */
  readonly canGoOn: boolean;
}

/** Bytes of a run's name in a queue, which no two runs may share. */
const RUN_BYTES = 8;

/** Makes the start of a run that has no results yet. @param queue name of its queue. */
export function newStart(seed: number | undefined, queue: string | null): StartingPoint {
  return {
    done: new LineSet(),
    numErrors: 0,
    seed: seed ?? drawSeed(),
    queue: queue === null ? null : { name: queue, run: randomBytes(RUN_BYTES).toString('hex') },
    former: null,
    canGoOn: false,
  };
}

/**
 * Looks at an output.
 *
 * @param scan null for an input that can't be read a second time.
 * @throws OtherRunError for one that has something else than results of a run.
 */
export async function examineOutput(
  path: string,
  file: ResultFile,
  { scan, overwrite }: { readonly scan: InputScan | null; readonly overwrite: boolean },
): Promise<OutputState> {
  const found = await readRecord(path);
  if (overwrite || (await file.length()) === 0) {
    return { path, file, record: null, former: found?.queue ?? null };
  }
  const record = scan === null ? null : found;
  if (record !== null) return { path, file, record, former: null };
  const fault =
    scan === null ? 'and a run goes on with a file as --input alone' : 'and has no record of a run beside it';
  throw new OtherRunError(
    `--output is ${quote(path)}, which is not empty ${fault}; expected a new file, or --overwrite`,
  );
}

/**
 * Begins a run, or goes on with it.
 *
 * @param numLines lines of the input.
 * @throws OtherRunError for the results of another; ResultFileError.
 */
export async function startOutput(state: OutputState, now: NextRun, numLines: number): Promise<StartingPoint> {
  const { path, file, record, former } = state;
  if (record !== null) {
    checkSameRun(path, record, now);
    const found = await file.recover(numLines);
    return { ...found, seed: record.seed, queue: record.queue, former: null, canGoOn: true };
  }
  const start = { ...newStart(now.seed, now.queue), former, canGoOn: now.input !== STANDARD };
  await file.clear();
  await writeRecord(path, { ...now, seed: start.seed, queue: start.queue });
  return start;
}
