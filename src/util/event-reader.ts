// Server-sent events out of bytes that may be cut anywhere; comments and fields other than `data` are skipped.

/** Reader of the events of one stream. */
export class EventReader {
  readonly #decoder = new TextDecoder();
  #rest = '';
  #data: string[] = [];

  /** Takes the next bytes, and returns the data of each event that they complete. */
  take(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    const events: string[] = [];
    for (const ended of lines) {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
      if (line.startsWith('data:')) this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
      if (line !== '' || this.#data.length === 0) continue;
      events.push(this.#data.join('\n'));
      this.#data = [];
    }
    return events;
  }
}
