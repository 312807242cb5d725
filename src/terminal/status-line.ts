// Progress on stderr: one line, rewritten in place, and only on a terminal, so that logs and pipes stay clean.
import type { WriteStream } from 'node:tty';

/** Columns of a terminal that reports none. */
const DEFAULT_WIDTH = 80;
const CLEAR_LINE = '\r\u001B[K';

/** Stream of the line: stderr, or a substitute in tests. */
export type StatusStream = Pick<WriteStream, 'isTTY' | 'columns' | 'write'>;

/** Stream of no terminal, for a command that should say nothing. */
export const NO_TERMINAL: StatusStream = { isTTY: false, columns: 0, write: () => true };

/** Line on a terminal that is rewritten while work goes on; shows nothing where there is no terminal. */
export class StatusLine {
  readonly #stream: StatusStream;
  #isShown = false;

  constructor(stream: StatusStream) {
    this.#stream = stream;
  }

  /** Replaces the line by `text`, cut to the width of the terminal. */
  show(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#isShown = true;
    const width = this.#stream.columns || DEFAULT_WIDTH;
    this.#stream.write(CLEAR_LINE + text.slice(0, width - 1));
  }

  /** Clears the line, so that other output can follow. */
  clear(): void {
    if (this.#isShown) this.#stream.write(CLEAR_LINE);
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
