// The run of a batch: lines are answered side by side, as many as a window holds, so that memory does not depend on their number.
import { deriveSeed } from '../../core/sampling-params.ts';
import { type BatchCall, readBatchLine } from './batch-line.ts';
import { IdTable } from './id-table.ts';
import type { LineAnswer, LineCall } from './line-answer.ts';
import type { LineSet } from './line-set.ts';
import { type InputLine, isBlank, readLines } from './read-lines.ts';
import { faultRecord } from './result.ts';
import type { Results } from './result-file.ts';
import { Slots } from './slots.ts';

/** Parts of a run. */
export interface BatchRun {
  /** Opens the bytes of the input. */
  readonly input: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Most bytes of a line. */
  readonly maxLine: number;
  readonly answer: (call: LineCall) => Promise<LineAnswer>;
  readonly results: Results;
  /** Lines that have a result, and those of which this run appends one. */
  readonly done: LineSet;
  readonly seed: number;
  /** Most lines under way at once, those included that wait for an earlier one. */
  readonly window: number;
  /** Writes results in the order of the lines. */
  readonly ordered: boolean;
  readonly signal: AbortSignal;
  /** Receives each line that counts. */
  readonly onResult: (result: LineOutcome) => void;
}

/** Line that counts. */
export type LineOutcome = Omit<LineAnswer, 'record'>;

/**
 * Answers the lines that have no result yet.
 *
 * @throws the signal's reason, after what had been answered was written; what `Results.append` and `answer` reject with.
 */
export async function runBatch(run: BatchRun): Promise<void> {
  const halt = new AbortController();
  const signal = AbortSignal.any([run.signal, halt.signal]);
  const slots = new Slots(run.window);
  const ids = new IdTable();
  let turn: Promise<void> = Promise.resolve();
  try {
    for await (const line of readLines(run.input(signal), run.maxLine)) {
      if (isBlank(line)) continue;
      const prepared = prepare(line, ids, run.maxLine);
      signal.throwIfAborted();
      if (run.done.has(line.number)) continue;
      await slots.take();
      const before = turn;
      const ended = Promise.withResolvers<void>();
      turn = ended.promise;
      // Ends at once when the run was aborted meanwhile.
      finish({ ...run, signal }, prepared, run.ordered ? before : null)
        .catch((error: unknown) => halt.abort(error))
        .finally(() => {
          ended.resolve();
          slots.free();
        });
    }
  } catch (error) {
    halt.abort(error);
  }
  await slots.allFree();
  run.signal.throwIfAborted();
  signal.throwIfAborted();
}

/** A line that was read: the call that it asks for, or the record of its fault. */
interface PreparedLine {
  readonly line: number;
  readonly customId: string | null;
  readonly call: BatchCall | null;
  readonly record: string | null;
}

function prepare({ number: line, bytes }: InputLine, ids: IdTable, maxLine: number): PreparedLine {
  const faulty = (customId: string | null, code: string, message: string) => {
    return { line, customId, call: null, record: faultRecord({ line, customId }, { code, message }) };
  };
  if (bytes === null) return faulty(null, 'line_too_long', `line is longer than ${maxLine} bytes, the most of one`);
  const { customId, call, fault } = readBatchLine(bytes);
  if (fault !== null) return faulty(customId, fault.code, fault.message);
  const first = customId === null ? null : ids.note(customId, line);
  if (first === null) return { line, customId, call, record: null };
  return faulty(customId, 'duplicate_custom_id', `custom_id is that of line ${first}, expected one of its own`);
}

/** Answers a line and writes its result after those before it. */
async function finish(run: BatchRun, { line, customId, call, record }: PreparedLine, before: Promise<void> | null) {
  const { answer, results, done, seed, signal, onResult } = run;
  const { record: text, ...outcome } =
    call === null
      ? { record: record ?? '', isError: true, tokens: 0 }
      : await answer({ ...call, line, customId, seed: deriveSeed(seed, line), signal });
  await before;
  // In order, a line that ended after one that was cut has no place yet.
  if (before !== null || call === null) signal.throwIfAborted();
  await results.append(text);
  done.add(line);
  onResult(outcome);
}
