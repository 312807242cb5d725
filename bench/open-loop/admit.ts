// Admission of a request to an engine: a full queue is an outcome, not an error.
import type { Engine } from '../../src/engine/engine.ts';
import { QueueFullError } from '../../src/engine/errors.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';

/** Outcome of a request, whose latencies count from `start` in milliseconds of the run's clock. */
export type Outcome =
  | { readonly start: number; readonly response: FinishedRequest }
  /** The queue was full. */
  | { readonly start: number; readonly response: null; readonly refusal: string };

/**
 * Adds a request that arrived at `start`, before it returns its promise; resolves when the request has ended or was
 * rejected.
 *
 * @throws what `addRequest` throws, except QueueFullError.
 */
export async function admit(engine: Engine, request: GenerationRequest, start: number): Promise<Outcome> {
  try {
    const { finished } = engine.addRequest({ ...request, arrival: start });
    return { start, response: await finished };
  } catch (error) {
    if (error instanceof QueueFullError) return { start, response: null, refusal: error.message };
    throw error;
  }
}
