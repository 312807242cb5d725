// The shape of answers to chats that may call tools: text and calls apart, calls in pieces as OpenAI streams them.
import { type AnswerPart, CallReader, type CallReading } from '../../tools/call-reader.ts';
import type { Choice } from '../generation/generation.ts';
import type { ChoiceShape, TextPart } from './choices.ts';

/**
 * Makes the shape of a call.
 *
 * @param base shape of a chat's answer without tools.
 */
export function toolShape(base: ChoiceShape, reading: CallReading, returnIds: boolean): ChoiceShape {
  const readers = new Map<number, CallReader>();
  const readerOf = ({ index }: Choice): CallReader => {
    const reader = readers.get(index) ?? new CallReader(reading);
    readers.set(index, reader);
    return reader;
  };
  const nothing = { delta: {}, logprobs: null };
  return {
    ...base,
    readsAll: true,
    whole: (choice, part) => {
      const reader = readerOf(choice);
      for (const [id, text] of piecesOf(part)) reader.read(id, text);
      reader.end();
      return { message: messageOf(reader), logprobs: null };
    },
    delta: (choice, { ids: [id = -1], text }) => {
      const deltas = readerOf(choice).read(id, text).flatMap(deltaOf);
      return deltas.length === 0 && returnIds ? [nothing] : deltas;
    },
    closing: (choice) => [...readerOf(choice).end().flatMap(deltaOf), nothing],
    reason: (choice, reason) => (reason === 'stop' && readerOf(choice).hasWholeCalls ? 'tool_calls' : reason),
  };
}

/** Parts the text of a whole answer by its ids. */
function piecesOf({ text, ids, offsets }: TextPart): [id: number, text: string][] {
  return offsets.map((offset, index) => [ids[index] ?? -1, text.slice(offset, offsets[index + 1])]);
}

function messageOf({ text, calls }: CallReader) {
  const message = { role: 'assistant', content: text === '' && calls.length > 0 ? null : text, refusal: null };
  if (calls.length === 0) return message;
  const written = calls.map(({ id, name, arguments: given }) => callValue(id, { name, arguments: given }));
  return { ...message, tool_calls: written };
}

/** Writes what a part adds to a choice. */
function deltaOf(part: AnswerPart): object[] {
  switch (part.kind) {
    case 'text':
      return [{ delta: { content: part.text }, logprobs: null }];
    case 'call': {
      const { index, id, name } = part;
      return [callDelta({ index, ...callValue(id, { name, arguments: '' }) })];
    }
    case 'arguments':
      return [callDelta({ index: part.index, function: { arguments: part.text } })];
    case 'callEnd':
      return [];
  }
}

function callDelta(call: object): object {
  return { delta: { tool_calls: [call] }, logprobs: null };
}

function callValue(id: string, called: { readonly name: string; readonly arguments: string }) {
  return { id, type: 'function', function: called };
}
