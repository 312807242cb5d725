// Lines of a file or a pipe, in UTF-8; Ctrl-C is then a signal, which ends the command.
import { addAbortSignal, type Readable } from 'node:stream';
import { StdinError } from '../../terminal/read-text.ts';
import { END, type Lines } from './lines.ts';

/** The lines of a stream. */
export class PipedLines implements Lines {
  readonly isTerminal = false;
  readonly #lines: AsyncGenerator<string, void>;
  readonly #signal: AbortSignal;

  constructor(stream: Readable, signal: AbortSignal) {
    this.#lines = readLines(addAbortSignal(signal, stream));
    this.#signal = signal;
  }

  /** @throws StdinError for bytes that are no UTF-8; the signal's reason. */
  async next(): Promise<string | typeof END> {
    const { done, value } = await this.#lines.next().catch((error: unknown) => {
      this.#signal.throwIfAborted();
      throw error;
    });
    return done ? END : value;
  }

  run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return task(this.#signal);
  }

  [Symbol.dispose](): void {}
}

async function* readLines(stream: Readable): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      throw new StdinError('stdin is no UTF-8, expected a text in UTF-8', { cause });
    }
  };
  let rest = '';
  for await (const bytes of stream) {
    const lines = (rest + decode(bytes)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  rest += decode();
  if (rest !== '') yield rest;
}
