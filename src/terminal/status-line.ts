import type { WriteStream } from 'node:tty';

/** Columns of a terminal that doesn't say. */
const DEFAULT_WIDTH = 80;
const CLEAR_LINE = '\r\u001B[K';

/** Where the line is written: stderr, or what a test puts in its place. */
export type StatusStream = Pick<WriteStream, 'isTTY' | 'columns' | 'write'>;

/** A line on a terminal that is written anew while work goes on; nothing is shown where there is no terminal. */
export class StatusLine {
  readonly #stream: StatusStream;
  #isShown = false;

  constructor(stream: StatusStream) {
    this.#stream = stream;
  }

  /** Shows where the work is. */
  show(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#isShown = true;
    const width = this.#stream.columns || DEFAULT_WIDTH;
    this.#stream.write(CLEAR_LINE + text.slice(0, width - 1));
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.#isShown) this.#stream.write(CLEAR_LINE);
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
