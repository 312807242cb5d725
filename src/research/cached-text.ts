// Keys and values of a text that was computed once: any number of texts go on after it. Not to be confused with the prefix cache of
// an engine, which finds beginnings by itself: this one is a value that a caller holds.
import type { KVBlocks } from '../runtime/kv-blocks.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkInteger } from './check-ids.ts';

/** The state of a model that keys and values belong to: with other weights or kernels they are another model's. */
export type ModelState = object;

/**
 * A text with its keys and values, made by `prefill` of a model: `forward`, `generate` and `prefill` go on after it. It never changes,
 * and costs memory on the GPU until it is closed.
 */
export class CachedText implements Disposable {
  readonly ids: readonly number[];
  /** Memory on the GPU in bytes: of whole blocks. A prefix shares that of its text. */
  readonly bytes: number;
  readonly #blocks: KVBlocks;
  readonly #state: ModelState;
  /** The text that this is the beginning of; itself where it is none. */
  readonly #owner: CachedText;
  #isClosed = false;

  /** @internal */
  constructor(ids: readonly number[], blocks: KVBlocks, state: ModelState, owner?: CachedText) {
    this.ids = Object.freeze([...ids]);
    this.bytes = blocks.bytes;
    this.#blocks = blocks;
    this.#state = state;
    this.#owner = owner ?? this;
  }

  /** Tokens of the text. */
  get length(): number {
    return this.ids.length;
  }

  /**
   * Returns the text's first tokens, which share its memory: closing them does nothing, and they can't be used once the text is
   * closed.
   *
   * @throws RangeValueError for a length that is no integer from 1 to that of the text.
   */
  prefix(length: number): CachedText {
    checkInteger('length of a prefix', length, 1, this.length);
    return new CachedText(this.ids.slice(0, length), this.#blocks, this.#state, this.#owner);
  }

  /**
   * Returns the keys and values for a model in some state.
   *
   * @throws RangeValueError for another model's, and after `close`.
   *
   * @internal
   */
  blocksFor(state: ModelState): KVBlocks {
    if (this.#owner.#isClosed) throw new RangeValueError('cache', this, 'one that is not closed');
    if (this.#state === state) return this.#blocks;
    throw new RangeValueError('cache', this, "one that this model's prefill made, after its last replaceKernel");
  }

  /** Frees the keys and values; idempotent. */
  close(): void {
    if (this.#owner !== this) return;
    this.#isClosed = true;
    this.#blocks.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
