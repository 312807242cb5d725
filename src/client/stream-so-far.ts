// The part of a stream that its reader has. A replica that goes on computes the last id again: it may be the one that ended the stream, after which
// nothing goes on, and an id that differs shows that the replica's ids are not the ones before.
import type { StreamChunk } from './chunk.ts';
import { NoTokenIdsError, ReplicaError } from './errors.ts';

/** Stream as far as it has come. */
export class StreamSoFar {
  readonly ids: number[] = [];
  /** First chunk, whose id, time and fingerprint all have; null before it. */
  #first: StreamChunk | null = null;
  #numChunks = 0;
  /** Chunks of the call under way that came before: they are not given again. */
  #numToSkip = 0;
  /** Ids of the stream up to the newest one of the call under way. */
  #numIds = 0;
  #isOpen = false;

  /** Begins a call, and returns the parameters that make it go on; none for a stream that starts. */
  begin(): object {
    this.#isOpen = false;
    if (this.#first === null) return {};
    this.#numIds = Math.max(this.ids.length - 1, 0);
    this.#numToSkip = this.#numChunks - this.#numIds;
    return { resume: { ids: this.ids.slice(0, this.#numIds), system_fingerprint: this.#first.system_fingerprint } };
  }

  /**
   * Takes a chunk of the call under way, and returns it as that of the whole stream; null for one that came before.
   *
   * @throws ReplicaError for another fingerprint and other ids; NoTokenIdsError for a call whose first chunk has none.
   */
  take(chunk: StreamChunk, replica: string): StreamChunk | null {
    const ids = chunk.choices[0]?.token_ids;
    if (!this.#isOpen && ids === undefined) throw new NoTokenIdsError(replica);
    this.#isOpen = true;
    this.#first ??= chunk;
    const { id, created, system_fingerprint: fingerprint } = this.#first;
    if (chunk.system_fingerprint !== fingerprint) throw new ReplicaError(replica, 'other-fingerprint');
    for (const newest of ids ?? []) {
      const known = this.ids[this.#numIds++];
      if (known === undefined) this.ids.push(newest);
      else if (known !== newest) throw new ReplicaError(replica, 'other-ids');
    }
    if (this.#numToSkip > 0) {
      this.#numToSkip--;
      return null;
    }
    this.#numChunks++;
    return { ...chunk, id, created };
  }
}
