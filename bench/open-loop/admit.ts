import type { Engine } from '../../src/engine/engine.ts';
import { QueueFullError } from '../../src/engine/errors.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';

/** What became of a request; its clock began to run at `start`, in milliseconds of the run's clock. */
export type Outcome =
  | { readonly start: number; readonly response: FinishedRequest }
  /** It was turned away. */
  | { readonly start: number; readonly response: null; readonly refusal: string };

/**
 * Adds a request whose clock runs from `start`, before it returns its promise; resolves when the request has ended or
 * was turned away.
 *
 * @throws what `addRequest` throws but QueueFullError.
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
