// An answer that is written while it is made, straight to the socket. What one step of the engine gives is one write, and a reader that
// is slow makes its own answer wait, never the engine.

/** Way out of an answer, such as a ServerResponse. */
export interface AnswerTarget {
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  /** False asks to wait for `drain`. */
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
}

/** Times of a stream, in milliseconds. */
export interface StreamTimes {
  /** Silence after which a comment is sent. */
  readonly keepAliveMs: number;
  /** Time that a reader may take nothing of what is ready. */
  readonly stallMs: number;
}

/** An answer in pieces. Its status and headers go out with the first of them, so that a fault before it has a status of its own. */
export class AnswerStream {
  readonly #response: AnswerTarget;
  readonly #headers: Record<string, string>;
  readonly #stallMs: number;
  /** Text of this turn of the event loop. */
  #pending = '';
  readonly #flushPending = () => this.#flush();
  #drained: PromiseWithResolvers<void> | null = null;

  constructor(response: AnswerTarget, headers: Record<string, string>, { stallMs }: Pick<StreamTimes, 'stallMs'>) {
    this.#response = response;
    this.#headers = headers;
    this.#stallMs = stallMs;
    response.once('close', () => this.#drain());
  }

  /** True once the status is on its way. */
  get hasBegun(): boolean {
    return this.#pending !== '' || this.#response.headersSent;
  }

  /** Resolves when the reader has taken enough for more; null when it has already, so that nobody has to wait. */
  get drained(): Promise<void> | null {
    return this.#drained?.promise ?? null;
  }

  /** Adds text to the one write of this turn. */
  write(text: string): void {
    // After all readers of a step have had their pieces: ticks come after microtasks.
    if (this.#pending === '') process.nextTick(this.#flushPending);
    this.#pending += text;
  }

  /** Ends the answer after what was written. */
  end(): void {
    this.#flush();
    this.#begin();
    this.#response.end();
  }

  /** Closes the connection, so that the reader does not take what it has for the whole. */
  cut(): void {
    this.#response.destroy();
  }

  #begin(): void {
    if (!this.#response.headersSent && !this.#response.destroyed) this.#response.writeHead(200, this.#headers);
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.#response.destroyed) return;
    this.#begin();
    if (!this.#response.write(text)) this.#block();
  }

  #block(): void {
    if (this.#drained !== null) return;
    this.#drained = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.cut(), this.#stallMs);
    this.#drained.promise.then(() => clearTimeout(timer));
    this.#response.once('drain', () => this.#drain());
  }

  #drain(): void {
    this.#drained?.resolve();
    this.#drained = null;
  }
}
