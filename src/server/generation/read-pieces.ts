// Reading of a choice, at the pace of the caller.
import { RequestFailedError } from '../../engine/errors.ts';
import type { FinishedRequest, TextPiece } from '../../engine/request.ts';
import type { Choice } from './generation.ts';

/** Receiver that may ask for a pause. */
export interface PieceSink {
  /** Null while there is none. */
  readonly drained: Promise<void> | null;
}

/** Gives each piece of a choice to `take`; returns its end. It does not reject for one that ends with a fault. */
export async function readPieces(
  { stream }: Choice,
  sink: PieceSink,
  take: (piece: TextPiece) => void,
): Promise<FinishedRequest> {
  try {
    for (;;) {
      if (sink.drained !== null) await sink.drained;
      const next = await stream.next();
      if (next.done) return next.value;
      take(next.value);
    }
  } catch (error) {
    if (error instanceof RequestFailedError) return await stream.finished;
    throw error;
  }
}
