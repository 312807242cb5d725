// Lines that a person types, by node:readline: editing, history, completion. Keys that come during an answer are not echoed into it:
// they wait for the next prompt, where they stand as if typed there.
import { type Completer, createInterface, type Interface, type Key } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { CANCELLED, END, type Lines } from './lines.ts';

const PROMPT = '> ';
const CONTINUED = '… ';
const HISTORY_SIZE = 1000;
/** Asks the terminal to mark what is pasted, so that a text with line breaks is one message. */
const MARK_PASTES = '\u001B[?2004h';
const LEAVE_PASTES = '\u001B[?2004l';

/** Terminal that shows what readline writes only while it is open. */
class Echo extends Writable {
  isOpen = false;
  readonly #terminal: WriteStream;
  readonly #resize = () => this.emit('resize');

  constructor(terminal: WriteStream) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
    terminal.on('resize', this.#resize);
  }

  get columns(): number {
    return this.#terminal.columns;
  }

  override _write(text: unknown, _: BufferEncoding, written: () => void): void {
    if (this.isOpen) this.#terminal.write(String(text));
    written();
  }

  override _destroy(error: Error | null, destroyed: (error: Error | null) => void): void {
    this.#terminal.off('resize', this.#resize);
    destroyed(error);
  }
}

/** Streams of a terminal. */
export interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

/** The lines of a terminal. */
export class TerminalLines implements Lines {
  readonly isTerminal = true;
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #signal: AbortSignal;
  readonly #echo: Echo;
  readonly #readline: Interface;
  readonly #lines: string[] = [];
  /** Lines of a paste whose last line is not entered yet. */
  #pasted: string[] = [];
  #isPasting = false;
  #isContinued = false;
  #isClosed = false;
  #waiting: PromiseWithResolvers<string | typeof CANCELLED | typeof END> | null = null;
  /** Stops the task under way; null where there is none, and after the first Ctrl-C. */
  #stop: (() => void) | null = null;

  /** @param completer of the lines that it completes. */
  constructor({ input, output }: Terminal, completer: Completer, signal: AbortSignal) {
    this.#input = input;
    this.#output = output;
    this.#signal = signal;
    this.#echo = new Echo(output);
    this.#readline = createInterface({
      input,
      output: this.#echo,
      terminal: true,
      completer,
      historySize: HISTORY_SIZE,
      removeHistoryDuplicates: true,
    });
    input.on('keypress', this.#watchPastes);
    this.#readline
      .on('line', (line) => this.#take(line))
      .on('SIGINT', () => this.#interrupt())
      .on('SIGCONT', () => this.#readline.prompt(true))
      .on('close', () => this.#end());
    signal.addEventListener('abort', this.#close);
    process.on('exit', this.#close);
  }

  async next(isContinued: boolean): Promise<string | typeof CANCELLED | typeof END> {
    this.#signal.throwIfAborted();
    const prompt = isContinued ? CONTINUED : PROMPT;
    const early = this.#lines.shift();
    if (early !== undefined) {
      this.#output.write(`${prompt}${early}\n`);
      return early;
    }
    if (this.#isClosed) return END;
    this.#isContinued = isContinued;
    this.#waiting = Promise.withResolvers();
    this.#showPrompt(prompt);
    return await this.#waiting.promise;
  }

  async run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stopped = new AbortController();
    this.#stop = () => stopped.abort();
    try {
      return await task(AbortSignal.any([this.#signal, stopped.signal]));
    } finally {
      this.#stop = null;
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  /** Shows the prompt and what was typed before it came. */
  #showPrompt(prompt: string): void {
    const typed = this.#readline.line;
    // Unseen, so that readline does not look for rows of it above the prompt.
    this.#eraseLine();
    this.#echo.isOpen = true;
    this.#output.write(MARK_PASTES);
    this.#readline.setPrompt(prompt);
    this.#readline.prompt();
    if (typed !== '') this.#readline.write(typed);
  }

  #eraseLine(): void {
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
  }

  #take(line: string): void {
    if (this.#isPasting) {
      this.#pasted.push(line);
      return;
    }
    const whole = [...this.#pasted, line].join('\n');
    this.#pasted = [];
    if (this.#waiting === null) this.#lines.push(whole);
    else this.#settle(whole);
  }

  #settle(line: string | typeof CANCELLED | typeof END): void {
    // At once: further keys of the same chunk are not for this prompt.
    this.#echo.isOpen = false;
    if (!this.#output.destroyed) this.#output.write(LEAVE_PASTES);
    this.#waiting?.resolve(line);
    this.#waiting = null;
  }

  #interrupt(): void {
    if (this.#stop !== null) {
      const stop = this.#stop;
      this.#stop = null;
      stop();
    } else if (this.#waiting !== null && (this.#isContinued || this.#readline.line !== '' || this.#pasted.length > 0)) {
      this.#readline.write(null, { ctrl: true, name: 'e' });
      this.#output.write('^C\n');
      this.#pasted = [];
      this.#settle(CANCELLED);
      this.#eraseLine();
    } else {
      // The terminal gives Ctrl-C as a key; as a signal it ends every command.
      process.emit('SIGINT');
    }
  }

  #end(): void {
    this.#isClosed = true;
    if (this.#waiting === null) return;
    this.#output.write('\n');
    if (this.#signal.aborted) this.#waiting.reject(this.#signal.reason);
    this.#settle(END);
  }

  readonly #watchPastes = (_: unknown, { name }: Key): void => {
    if (name === 'paste-start') this.#isPasting = true;
    if (name === 'paste-end') this.#isPasting = false;
  };

  readonly #close = (): void => {
    this.#signal.removeEventListener('abort', this.#close);
    process.off('exit', this.#close);
    this.#input.off('keypress', this.#watchPastes);
    this.#readline.close();
    this.#echo.destroy();
  };
}
