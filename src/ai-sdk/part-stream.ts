// An answer as it arrives, in the SDK's parts. Each is made when the reader asks for it, so nothing piles up between engine and reader.
import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import { RequestFailedError } from '../engine/errors.ts';
import type { FinishedRequest, TextPiece } from '../engine/request.ts';
import type { AnswerPart, CallReader, ToolCall } from '../tools/call-reader.ts';

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
  /** Parts the answer into text and calls of tools. */
  readonly reader: CallReader;
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
  const { reader } = frame;
  const writer = new PartWriter(reader);
  for await (const piece of untilFault(pieces)) {
    frame.signal?.throwIfAborted();
    if (frame.includesRaw) yield { type: 'raw', rawValue: piece };
    for (const part of reader.read(piece.id, piece.text)) yield* writer.write(part);
  }
  const finished = await pieces.finished;
  if (finished.finishReason === 'abort') frame.signal?.throwIfAborted();
  for (const part of reader.end()) yield* writer.write(part);
  yield* writer.close();
  yield* frame.closing(finished);
}

/** Writer of the parts of text and calls: one of them is open at a time. */
class PartWriter {
  readonly #reader: CallReader;
  #open: 'text' | 'call' | null = null;
  #callId = '';

  constructor(reader: CallReader) {
    this.#reader = reader;
  }

  *write(part: AnswerPart): Generator<LanguageModelV4StreamPart, void> {
    switch (part.kind) {
      case 'text':
        if (this.#open === null) yield { type: 'text-start', id: TEXT_ID };
        this.#open = 'text';
        yield { type: 'text-delta', id: TEXT_ID, delta: part.text };
        break;
      case 'call':
        yield* this.close();
        this.#open = 'call';
        this.#callId = part.id;
        yield { type: 'tool-input-start', id: part.id, toolName: part.name };
        break;
      case 'arguments':
        yield { type: 'tool-input-delta', id: this.#callId, delta: part.text };
        break;
      case 'callEnd': {
        yield* this.close();
        const call = this.#reader.calls[part.index];
        if (call !== undefined) yield toolCallOf(call);
      }
    }
  }

  /** Ends what is open. */
  *close(): Generator<LanguageModelV4StreamPart, void> {
    if (this.#open === 'text') yield { type: 'text-end', id: TEXT_ID };
    if (this.#open === 'call') yield { type: 'tool-input-end', id: this.#callId };
    this.#open = null;
  }
}

/** Writes a call of a tool. */
export function toolCallOf({ id, name, arguments: input }: ToolCall): LanguageModelV4ToolCall {
  return { type: 'tool-call', toolCallId: id, toolName: name, input };
}

/** Yields the pieces, and ends where the request does, in whatever way. */
export async function* untilFault(pieces: PieceStream): AsyncGenerator<TextPiece, void> {
  try {
    yield* pieces;
  } catch (error) {
    if (!(error instanceof RequestFailedError)) throw error;
  }
}
