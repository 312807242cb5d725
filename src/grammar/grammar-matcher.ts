// The state of one request in its grammar: the ids that were generated, with which another thread can take over, and the mask
// after them.
import { ceilDiv } from '../util/math.ts';
import { GrammarFailedError } from './errors.ts';

const WORD_BITS = 32;

/** State of one request. */
export class GrammarMatcher<Grammar = unknown> {
  readonly number: number;
  readonly grammar: Grammar;
  /** Ids that were generated. */
  readonly ids: number[] = [];
  /** Memory that the thread writes. */
  readonly shared: Int32Array<SharedArrayBuffer>;
  #waiting: PromiseWithResolvers<Uint32Array> | null = null;
  #isReady = false;
  #failure: Error | null = null;

  /** @param vocabSize V, the number of ids. */
  constructor(number: number, grammar: Grammar, vocabSize: number) {
    this.number = number;
    this.grammar = grammar;
    this.shared = new Int32Array(new SharedArrayBuffer(4 * ceilDiv(vocabSize, WORD_BITS)));
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Adds an id; the mask after it is still to come. */
  add(id: number): void {
    this.ids.push(id);
    this.#isReady = false;
  }

  /** Gives a copy of the mask after the ids, or a promise of it. */
  allowed(): Uint32Array | Promise<Uint32Array> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#isReady) return this.#mask();
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Takes note that the mask after all ids is there. */
  ready(): void {
    this.#isReady = true;
    this.#waiting?.resolve(this.#mask());
    this.#waiting = null;
  }

  /** Takes note that an id was refused. */
  refuse(id: number): void {
    this.fail(new GrammarFailedError(`id ${id} is none that the grammar allows after ${this.ids.length - 1} ids`));
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.promise.catch(() => {}); // its request may have ended
    this.#waiting?.reject(error);
    this.#waiting = null;
  }

  #mask(): Uint32Array {
    return new Uint32Array(this.shared);
  }
}
