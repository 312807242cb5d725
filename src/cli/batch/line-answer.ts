// The answer to a line, as the record that the results get: by an engine here, or by workers elsewhere.
import type { BatchCall } from './batch-line.ts';
import type { StartingPoint } from './resume.ts';

/** The call of a line, with all that its answer depends on. */
export interface LineCall extends BatchCall {
  readonly line: number;
  /** Seed of a body that has none. */
  readonly seed: number;
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** The answer to a line. */
export interface LineAnswer {
  /** One line of JSON, with its end. */
  readonly record: string;
  readonly isError: boolean;
  /** Tokens that were generated. */
  readonly tokens: number;
}

/** Facts about who answers, on which all results of a run depend. */
export interface AnswerSource {
  readonly model: string;
  readonly fingerprint: string;
  /** Name of the queue; null where an engine here answers. */
  readonly queue: string | null;
}

/** Place of answers. */
export interface Answers extends AsyncDisposable {
  readonly source: AnswerSource;
  /** Most lines under way at once. */
  readonly window: number;
  /** Begins, once it is known which lines have results. */
  begin(start: StartingPoint, signal: AbortSignal): void;
  /** Answers a line, with an error record where its body asks for an error. @throws the signal's reason; ApiError of a device that is gone. */
  answer(call: LineCall): Promise<LineAnswer>;
  /** Ends a run of which every result is safe; returns a line to report, or null. */
  finish(): Promise<string | null>;
}
