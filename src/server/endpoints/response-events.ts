// The events of a response in OpenAI's order: created, in progress, and each of its items opened, in pieces, and closed: the message and
// its text, then calls of tools.
import type { AnswerPart, ToolCall } from '../../tools/call-reader.ts';
import type { ApiError } from '../api-error.ts';
import type { EventStream } from '../generation/event-stream.ts';
import {
  callItem,
  callItemId,
  messageId,
  messageItem,
  type ResponseEnd,
  type ResponseFields,
  responseObject,
  textPart,
} from './response-object.ts';

/** Item that is open: its place in the output, and the text or arguments so far. */
interface OpenItem {
  readonly place: number;
  readonly call: Pick<ToolCall, 'id' | 'name'> | null;
  text: string;
}

/** The events of one response. */
export class ResponseEvents {
  readonly #events: EventStream;
  readonly #fields: ResponseFields;
  #number = 0;
  #hasBegun = false;
  #numItems = 0;
  #open: OpenItem | null = null;

  constructor(events: EventStream, fields: ResponseFields) {
    this.#events = events;
    this.#fields = fields;
  }

  /** Sends a part of the answer. */
  part(part: AnswerPart): void {
    this.#begin();
    switch (part.kind) {
      case 'text':
      case 'arguments':
        this.#piece(part.text);
        break;
      case 'call':
        this.#openCall(part);
        break;
      case 'callEnd':
        this.#close('stop');
    }
  }

  /** Closes what is open and the response, and ends the stream. */
  end(response: ReturnType<typeof responseObject>, reason: ResponseEnd['reason']): void {
    this.#begin();
    if (this.#numItems === 0) this.#openMessage();
    this.#close(reason);
    this.#send(`response.${response.status}`, { response });
    this.#events.end(false);
  }

  /** Ends the stream with a response that failed. */
  fail({ code, message, param }: ApiError): void {
    const response = { ...responseObject(this.#fields), status: 'failed', error: { code, message } };
    this.#send('response.failed', { response });
    this.#send('error', { code, message, param });
    this.#events.end(false);
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const response = responseObject(this.#fields);
    this.#send('response.created', { response });
    this.#send('response.in_progress', { response });
  }

  #openMessage(): OpenItem {
    const open = this.#add(null, messageItem(this.#fields.id));
    this.#send('response.content_part.added', { ...this.#placeOf(open), part: textPart('') });
    return open;
  }

  #openCall({ id, name }: Pick<ToolCall, 'id' | 'name'>): void {
    this.#close('stop');
    this.#add({ id, name }, callItem({ id, name, arguments: '' }, 'in_progress'));
  }

  #add(call: OpenItem['call'], item: object): OpenItem {
    const open = { place: this.#numItems++, call, text: '' };
    this.#open = open;
    this.#send('response.output_item.added', { output_index: open.place, item });
    return open;
  }

  /** Sends a piece of what is open: the text, which opens with its first piece, or the arguments of a call. */
  #piece(delta: string): void {
    const open = this.#open ?? this.#openMessage();
    open.text += delta;
    if (delta === '') return;
    if (open.call === null) this.#send('response.output_text.delta', { ...this.#placeOf(open), delta, logprobs: [] });
    else this.#send('response.function_call_arguments.delta', { ...this.#placeOf(open), delta });
  }

  #close(reason: ResponseEnd['reason']): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const { place, call, text } = open;
    if (call === null) {
      this.#send('response.output_text.done', { ...this.#placeOf(open), text, logprobs: [] });
      this.#send('response.content_part.done', { ...this.#placeOf(open), part: textPart(text) });
      const item = messageItem(this.#fields.id, { text, reason });
      this.#send('response.output_item.done', { output_index: place, item });
      return;
    }
    const item = callItem({ ...call, arguments: text }, reason === 'stop' ? 'completed' : 'incomplete');
    const { name } = call;
    this.#send('response.function_call_arguments.done', { ...this.#placeOf(open), name, arguments: text });
    this.#send('response.output_item.done', { output_index: place, item });
  }

  #placeOf({ place, call }: OpenItem) {
    if (call !== null) return { item_id: callItemId(call.id), output_index: place };
    return { item_id: messageId(this.#fields.id), output_index: place, content_index: 0 };
  }

  #send(type: string, fields: object): void {
    this.#events.send({ type, sequence_number: this.#number++, ...fields }, type);
  }
}
