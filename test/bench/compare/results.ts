// Files of results for tests of comparisons, made by the code that writes those of bench/run.ts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reportJson } from '../../../bench/closed-loop/json-report.ts';
import { reportMode } from '../../../bench/closed-loop/mode-report.ts';
import { type BenchArgs, benchScript, modesOf } from '../../../bench/load/args.ts';
import { isOpenLoop } from '../../../bench/load/load-flags.ts';
import { openLoopJson } from '../../../bench/open-loop/json-report.ts';
import { type RequestRecord, reportLoad } from '../../../bench/open-loop/report.ts';
import { cardIdentity } from '../../support/gpu/adapter-identity.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { argsOf } from '../args-of.ts';
import { testResponse, testRun } from '../runs.ts';

/** Requests, by the milliseconds at which their tokens come, and what differs between two files. */
export interface TestResults {
  readonly flags?: readonly string[];
  readonly tokenTimes?: readonly (readonly number[])[];
  /** Times by which those of each further round are multiplied. */
  readonly rounds?: readonly number[];
  readonly change?: (file: Results) => void;
}

/** Content of a file, to be changed. */
// biome-ignore lint/suspicious/noExplicitAny: a test changes any field to anything
export type Results = any;

const DEFAULT_TIMES = Array.from({ length: 8 }, (_, i) => [100 + i, 110 + i, 130 + 2 * i]);

/** Makes the results of an online run. */
export function resultsOf({ flags = [], tokenTimes = DEFAULT_TIMES, rounds = [], change }: TestResults = {}): Results {
  const args = argsOf(benchScript, '--mode', 'online', ...flags);
  const mode = isOpenLoop(args) ? openMode(args, tokenTimes) : closedMode(tokenTimes, rounds);
  const modes = new Map(modesOf(args).map((name) => [name, mode]));
  const origin = { args, adapter: cardIdentity, model: 'weights/tales', dtype: 'f16', commit: null, isPartial: false };
  const file: Results = JSON.parse(JSON.stringify(reportJson(modes, origin)));
  change?.(file);
  return file;
}

function closedMode(tokenTimes: readonly (readonly number[])[], rounds: readonly number[]): object {
  const run = (times: number) =>
    testRun(tokenTimes.map((own) => testResponse({ tokenTimes: own.map((time) => times * time) })));
  return reportMode(run(1), [run(1), ...rounds.map(run)]);
}

/** Every request is due at 0; one without tokens is rejected. */
function openMode(args: BenchArgs, tokenTimes: readonly (readonly number[])[]): object {
  const requests = tokenTimes.map((times): RequestRecord => {
    const counts = { inputLength: times.length === 0 ? 0 : 4, outputLength: times.length };
    const ended =
      times.length === 0
        ? { status: 'rejected' as const, end: null }
        : { status: 'completed' as const, end: times.at(-1)! };
    return { start: 0, tokenTimes: times, error: null, ...counts, ...ended };
  });
  return openLoopJson(reportLoad({ start: 0, end: 1000, requests }, args.goodput), args);
}

/** Writes files, and returns their paths. */
export async function writeResults(...files: readonly Results[]): Promise<string[]> {
  const directory = temporaryDirectory();
  return await Promise.all(
    files.map(async (file, i) => {
      const path = join(directory, `${i}.json`);
      await writeFile(path, typeof file === 'string' ? file : JSON.stringify(file));
      return path;
    }),
  );
}
