// Events of a stream, read by the parser that clients use.
import { createParser } from 'eventsource-parser';

export interface ReadEvents {
  /** The data of each event, parsed. */
  readonly chunks: readonly Chunk[];
  readonly isMarked: boolean;
  readonly comments: number;
}

/** A chunk as tests look at one. */
export interface Chunk {
  readonly id: string;
  readonly error?: { readonly code: string; readonly type: string };
  readonly seed?: number;
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: string | null;
    readonly token_ids?: readonly number[];
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/** Parses a whole stream; what is no event is an error. */
export function parseEvents(text: string): ReadEvents {
  const data: string[] = [];
  let comments = 0;
  const parser = createParser({
    onEvent: (event) => data.push(event.data),
    onComment: () => comments++,
    onError: (error) => {
      throw error;
    },
  });
  parser.feed(text);
  const isMarked = data.at(-1) === '[DONE]';
  return { chunks: data.filter((each) => each !== '[DONE]').map((each) => JSON.parse(each)), isMarked, comments };
}

/** Joins the texts of the only choice of a stream. */
export function textOf({ chunks }: ReadEvents): string {
  return chunks.flatMap(({ choices }) => choices.map(({ text }) => text)).join('');
}

/** Joins the ids of the only choice of a stream. */
export function idsOf({ chunks }: ReadEvents): number[] {
  return chunks.flatMap(({ choices }) => choices.flatMap(({ token_ids: ids = [] }) => ids));
}
