// Progress on stderr: one line, rewritten in place, and only on a terminal, so that logs and pipes stay clean.
import type { WriteStream } from 'node:tty';

/** Columns of a terminal that reports none. */
const DEFAULT_WIDTH = 80;
/** Columns of the narrowest terminal that has room for a bar beside a text, and of the bar. */
const BAR_WIDTH = 60;
const BAR = 20;
const CLEAR_LINE = '\r\u001B[K';

/** Stream of the line: stderr, or a substitute in tests. */
export type StatusStream = Pick<WriteStream, 'isTTY' | 'columns' | 'write'>;

/** Stream of a command that should say nothing. */
const NOWHERE: StatusStream = { isTTY: false, columns: 0, write: () => true };

/** Line on a terminal that is rewritten while work goes on, and lines that stay; the first shows nothing where there is no terminal. */
export class StatusLine {
  readonly #stream: StatusStream;
  #isShown = false;

  constructor(stream: StatusStream) {
    this.#stream = stream;
  }

  /** Makes the line of a command: on stderr, or nowhere with `--quiet`. */
  static of({ quiet }: { readonly quiet?: boolean | undefined }): StatusLine {
    return new StatusLine(quiet ? NOWHERE : process.stderr);
  }

  /** Replaces the line by `text`, cut to the width of the terminal. @param share part of the work that is done, shown as a bar. */
  show(text: string, share: number | null = null): void {
    if (!this.#stream.isTTY) return;
    this.#isShown = true;
    const width = this.#stream.columns || DEFAULT_WIDTH;
    const bar = share === null || width < BAR_WIDTH ? '' : `${formatBar(share)} `;
    this.#stream.write(CLEAR_LINE + (bar + text).slice(0, width - 1));
  }

  /** Writes a line that stays, on a terminal or not. */
  say(line: string): void {
    this.clear();
    this.#stream.write(`${line}\n`);
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

function formatBar(share: number): string {
  const numDone = Math.round(BAR * Math.min(Math.max(share, 0), 1));
  return `[${'#'.repeat(numDone)}${'-'.repeat(BAR - numDone)}]`;
}
