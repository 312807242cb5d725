// The embeddings of one call: requests of the engine, all or none, that end together when the call does.
import type { Embedding, EmbeddingRequest } from '../../engine/embedding.ts';
import type { Engine } from '../../engine/engine.ts';
import { UnknownRequestError } from '../../engine/errors.ts';
import type { Owner } from '../access/keys.ts';
import { randomId } from './generation.ts';
import type { RunningCall } from './generations.ts';

/** Inputs of a call whose embeddings are asked for. */
export interface EmbeddingPlan {
  readonly owner: Owner;
  readonly requests: readonly EmbeddingRequest[];
}

/** Embeddings under way. */
export class EmbeddingCall implements RunningCall {
  readonly id = randomId('embd');
  readonly owner: Owner;
  readonly choices: readonly EmbeddingRequest[];
  /** Rejects as `Engine.embedBatch` does. */
  readonly embeddings: Promise<Embedding[]>;
  readonly finished: Promise<void>;
  readonly #engine: Engine;

  constructor(engine: Engine, { owner, requests }: EmbeddingPlan) {
    this.owner = owner;
    this.choices = requests.map((request, index) => ({ ...request, requestId: `${this.id}-${index}` }));
    this.embeddings = engine.embedBatch(this.choices);
    const end = () => {};
    this.finished = this.embeddings.then(end, end);
    this.#engine = engine;
  }

  abort(): void {
    for (const { requestId = '' } of this.choices) {
      try {
        this.#engine.abort(requestId);
      } catch (error) {
        if (!(error instanceof UnknownRequestError)) throw error; // has ended
      }
    }
  }
}
