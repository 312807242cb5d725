// The calls under way, by id: for aborts from outside, and for a server that waits for its last answer.
import type { Owner } from '../access/keys.ts';
import { ApiError } from '../api-error.ts';

/** Call that is under way. */
export interface RunningCall {
  readonly id: string;
  readonly owner: Owner;
  /** Its requests. */
  readonly choices: { readonly length: number };
  /** Settles when all requests have ended, in whatever way; never rejects. */
  readonly finished: Promise<unknown>;
  /** Ends what has not ended, and frees its blocks at once. */
  abort(): void;
}

/** Calls that have not ended. */
export class Generations {
  readonly #byId = new Map<string, RunningCall>();
  #idle: PromiseWithResolvers<void> | null = null;

  /** Choices that have not ended. */
  get numChoices(): number {
    return this.#byId.values().reduce((sum, { choices }) => sum + choices.length, 0);
  }

  /** Keeps a call until its choices have ended. */
  add(generation: RunningCall): void {
    this.#byId.set(generation.id, generation);
    generation.finished.then(() => {
      this.#byId.delete(generation.id);
      if (this.#byId.size === 0) this.#idle?.resolve();
    });
  }

  /**
   * Ends a call for the caller who made it.
   *
   * @throws ApiError where no call of this owner has the id.
   */
  abort(id: string, owner: Owner): void {
    const generation = this.#byId.get(id);
    // Another's call is as unknown as none.
    if (generation === undefined || generation.owner !== owner) {
      throw new ApiError(404, 'no call of this key that has not ended has this id', { code: 'request_not_found' });
    }
    generation.abort();
  }

  /** Ends all. */
  abortAll(): void {
    for (const generation of [...this.#byId.values()]) generation.abort();
  }

  /** Resolves when no call is under way. */
  whenIdle(): Promise<void> {
    if (this.#byId.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }
}
