// The troubles of a queue that are waited for: each is told once, and their end when the last one is over.

/** Trouble of the connection, beside which no other is told: all come of it. */
export const GONE = 'is gone';

/** Troubles of a queue. */
export class QueueTroubles {
  readonly #name: string;
  readonly #onNotice: (line: string) => void;
  readonly #now = new Set<string>();

  /**
   * @param name of the queue.
   * @param onNotice receives lines.
   */
  constructor(name: string, onNotice: (line: string) => void) {
    this.#name = name;
    this.#onNotice = onNotice;
  }

  /** Tells of a fact that is not waited for. */
  tell(fact: string): void {
    this.#onNotice(`the queue ${this.#name} ${fact}`);
  }

  /** Tells of trouble that is new. @param reason told with it. */
  begin(trouble: string, reason?: string): void {
    if (this.#now.has(trouble) || this.#now.has(GONE)) return;
    this.#now.add(trouble);
    this.tell(`${trouble}${reason === undefined ? '' : ` (${reason})`}: waiting for it`);
  }

  /** Ends troubles, and tells when the last one is over. */
  end(...troubles: readonly string[]): void {
    const ended = troubles.filter((trouble) => this.#now.delete(trouble));
    if (ended.length > 0 && this.#now.size === 0) this.tell('goes on');
  }
}
