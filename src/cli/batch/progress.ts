// The pace of a run, in words: how far it is, how fast, and how long the rest takes at that pace.
import { count } from '../../util/count.ts';
import type { FoundResults } from './result-file.ts';

/** Interval between two lines on the terminal, in milliseconds. */
const SHOW_MS = 250;
const SECONDS_PER_MINUTE = 60;
const SECONDS_PER_HOUR = 3600;

/** Counts of a run. */
export class Progress {
  /** Lines of the input; null where they are not known. */
  readonly #total: number | null;
  readonly #numBefore: number;
  readonly #now: () => number;
  readonly #begin: number;
  #shown = Number.NEGATIVE_INFINITY;
  #numDone = 0;
  #numErrors: number;
  #tokens = 0;

  /** @param now a clock in milliseconds. */
  constructor(total: number | null, before: FoundResults, now: () => number) {
    this.#total = total;
    this.#numBefore = before.done.size;
    this.#numErrors = before.numErrors;
    this.#now = now;
    this.#begin = now();
  }

  /** Lines with an error, those of earlier runs included. */
  get numErrors(): number {
    return this.#numErrors;
  }

  /** Counts a line. */
  add({ isError, tokens }: { readonly isError: boolean; readonly tokens: number }): void {
    this.#numDone++;
    this.#tokens += tokens;
    if (isError) this.#numErrors++;
  }

  /** Part of the lines that is done; null where their number is not known. */
  get share(): number | null {
    return this.#total === null ? null : (this.#numBefore + this.#numDone) / Math.max(this.#total, 1);
  }

  /** Makes the line for a terminal; null when the last one is recent. */
  line(): string | null {
    if (this.#now() - this.#shown < SHOW_MS) return null;
    this.#shown = this.#now();
    const left = this.#secondsLeft();
    return `${this.#counts()}${left === null ? '' : ` · ${formatDuration(left)} left`}`;
  }

  /** Makes the line of the end. */
  summary(): string {
    return `${this.#counts()} in ${formatDuration(this.#seconds)}`;
  }

  get #seconds(): number {
    return Math.max(this.#now() - this.#begin, 1) / 1000;
  }

  #counts(): string {
    const done = this.#numBefore + this.#numDone;
    const lines = this.#total === null ? count(done, 'line') : `${done} of ${count(this.#total, 'line')}`;
    const errors = this.#numErrors === 0 ? '' : ` · ${this.#numErrors} with errors`;
    return `${lines}${errors} · ${(this.#tokens / this.#seconds).toFixed(1)} tokens/s`;
  }

  #secondsLeft(): number | null {
    if (this.#total === null || this.#numDone === 0) return null;
    return ((this.#total - this.#numBefore - this.#numDone) * this.#seconds) / this.#numDone;
  }
}

/** Writes a duration in its two largest units. */
export function formatDuration(seconds: number): string {
  if (seconds < SECONDS_PER_MINUTE) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const [unit, name, part, small] =
    seconds < SECONDS_PER_HOUR
      ? ([SECONDS_PER_MINUTE, 'min', 1, 's'] as const)
      : ([SECONDS_PER_HOUR, 'h', SECONDS_PER_MINUTE, 'min'] as const);
  return `${Math.floor(seconds / unit)} ${name} ${Math.floor((seconds % unit) / part)} ${small}`;
}
