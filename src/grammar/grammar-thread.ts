// A thread in which xgrammar runs, from outside: work goes in, is done in order, each within its time, and comes out; what overruns
// or fails ends the thread. It keeps the process alive only while it works.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Vocabulary } from './vocabulary.ts';
import type { FromThread, ThreadData, ToThread, Work } from './worker-messages.ts';

/** Bytes that the library may take: 256 MiB. */
export const MAX_BYTES = 256 * 2 ** 20;
/** Memory of the thread's own objects, in MiB. */
const MAX_HEAP_MB = 512;
/** Longest start, in milliseconds: reading the vocabulary is no fault of a grammar. */
const START_MS = 60_000;

/** Work that is not done yet. */
interface Pending {
  readonly number: number;
  readonly work: Work | null;
  readonly limitMs: number;
}

/** Cause of a thread's end: work, its own start, or nothing. */
export type FailedWork = Work | 'start' | 'nothing';

/** Outcomes of work. */
export interface ThreadEvents {
  /** It is done; an id may have been refused. */
  done(work: Work, reply: FromThread): void;
  /** The thread has ended. */
  failed(work: FailedWork, problem: string): void;
}

/** Thread that compiles and matches. */
export class GrammarThread {
  readonly #events: ThreadEvents;
  readonly #maxBytes: number;
  readonly #progress = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending: Pending[] = [{ number: 0, work: null, limitMs: START_MS }];
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout | undefined;
  #numSent = 0;
  #hasEnded = false;
  /** Ends when the thread has. */
  #end: Promise<unknown> = Promise.resolve();

  /**
   * @param vocabulary May still be read.
   * @param maxBytes Memory of the library.
   */
  constructor(vocabulary: PromiseLike<Vocabulary>, events: ThreadEvents, maxBytes: number = MAX_BYTES) {
    this.#events = events;
    this.#maxBytes = maxBytes;
    Atomics.store(this.#progress, 0, -1);
    vocabulary.then(
      (read) => this.#start(read),
      (error: unknown) => this.#fail(String(error)),
    );
  }

  /** Adds work. */
  post(work: Work, limitMs: number): void {
    const pending = { number: ++this.#numSent, work, limitMs };
    this.#pending.push(pending);
    this.#send(pending);
    if (this.#pending.length === 1) this.#watch();
  }

  /** Ends the thread, whatever it does. Idempotent. */
  close(): Promise<unknown> {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    if (this.#worker !== null) this.#end = this.#worker.terminate();
    this.#worker = null;
    return this.#end;
  }

  #start(vocabulary: Vocabulary): void {
    if (this.#hasEnded) return;
    const { url } = import.meta;
    const file = new URL(`./worker${extname(url)}`, url); // .ts here, .js in the package
    const workerData: ThreadData = { vocabulary, progress: this.#progress, maxBytes: this.#maxBytes };
    // No one reads the library's own lines.
    const resourceLimits = { maxOldGenerationSizeMb: MAX_HEAP_MB };
    const worker = new Worker(file, { workerData, execArgv: [], stdout: true, stderr: true, resourceLimits });
    this.#worker = worker;
    worker.on('message', (reply: FromThread) => this.#receive(reply));
    worker.on('error', (error) => this.#fail(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => this.#fail(`ended with code ${code}`));
    for (const pending of this.#pending) this.#send(pending);
    this.#watch();
  }

  #send({ number, work }: Pending): void {
    if (work === null) return;
    const message: ToThread = { number, work };
    this.#worker?.postMessage(message);
  }

  #receive(reply: FromThread): void {
    if (this.#hasEnded) return;
    const work = this.#pending[0]?.work ?? null;
    if (reply.trap !== undefined) {
      this.#fail(reply.trap);
      return;
    }
    this.#pending.shift();
    this.#watch();
    if (work !== null) this.#events.done(work, reply);
  }

  /** Starts the clock of what is done now. */
  #watch(): void {
    clearTimeout(this.#timer);
    const [current] = this.#pending;
    if (current === undefined) {
      this.#worker?.unref();
      return;
    }
    if (this.#worker === null) return;
    this.#worker.ref();
    const { number, limitMs } = current;
    this.#timer = setTimeout(() => {
      // An answer that this thread was too busy to read is one.
      if (Atomics.load(this.#progress, 0) >= number) this.#watch();
      else this.#fail(`took longer than ${limitMs} ms`);
    }, limitMs);
  }

  #fail(problem: string): void {
    if (this.#hasEnded) return;
    const [current] = this.#pending;
    void this.close();
    this.#events.failed(current === undefined ? 'nothing' : (current.work ?? 'start'), problem);
  }
}
