// An answer as it arrives, in the SDK's parts. Each is made when the reader asks for it, so nothing piles up between engine and reader.
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { RequestFailedError } from '../engine/errors.ts';
import type { FinishedRequest, TextPiece } from '../engine/request.ts';

/** The pieces of a request, such as a TextStream. */
export interface PieceStream extends AsyncIterable<TextPiece> {
  readonly finished: Promise<FinishedRequest>;
  /** Ends the request. */
  return(): Promise<unknown>;
}

/** Parts around the text. */
export interface PartFrame {
  /** The first parts. */
  readonly opening: readonly LanguageModelV4StreamPart[];
  /** Makes the last parts. */
  readonly closing: (finished: FinishedRequest) => readonly LanguageModelV4StreamPart[];
  /** Ends the stream with its reason. */
  readonly signal: AbortSignal | undefined;
  /** Adds each piece as it is. */
  readonly includesRaw: boolean;
}

/** Id of the one text of an answer. */
const TEXT_ID = '0';

/** Makes the stream of an answer. Cancelling it aborts the request at once. */
export function partStream(pieces: PieceStream, frame: PartFrame): ReadableStream<LanguageModelV4StreamPart> {
  const parts = writeParts(pieces, frame);
  const source: ConstructorParameters<typeof ReadableStream<LanguageModelV4StreamPart>>[0] = {
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return();
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

async function* writeParts(pieces: PieceStream, frame: PartFrame): AsyncGenerator<LanguageModelV4StreamPart, void> {
  yield* frame.opening;
  let hasText = false;
  for await (const piece of untilFault(pieces)) {
    frame.signal?.throwIfAborted();
    if (frame.includesRaw) yield { type: 'raw', rawValue: piece };
    if (piece.text === '') continue;
    if (!hasText) yield { type: 'text-start', id: TEXT_ID };
    hasText = true;
    yield { type: 'text-delta', id: TEXT_ID, delta: piece.text };
  }
  const finished = await pieces.finished;
  if (finished.finishReason === 'abort') frame.signal?.throwIfAborted();
  if (hasText) yield { type: 'text-end', id: TEXT_ID };
  yield* frame.closing(finished);
}

/** Yields the pieces, and ends where the request does, in whatever way. */
async function* untilFault(pieces: PieceStream): AsyncGenerator<TextPiece, void> {
  try {
    yield* pieces;
  } catch (error) {
    if (!(error instanceof RequestFailedError)) throw error;
  }
}
