// The events of a response in OpenAI's order: created, in progress, the message and its text opened, its pieces, all of it closed.
import type { ApiError } from '../api-error.ts';
import type { EventStream } from '../generation/event-stream.ts';
import { itemId, outputItem, type ResponseFields, responseObject, textPart } from './response-object.ts';

/** The events of one response. */
export class ResponseEvents {
  readonly #events: EventStream;
  readonly #fields: ResponseFields;
  #number = 0;
  #isOpen = false;

  constructor(events: EventStream, fields: ResponseFields) {
    this.#events = events;
    this.#fields = fields;
  }

  /** Sends a piece of the text. */
  piece(delta: string): void {
    this.#open();
    if (delta !== '') this.#send('response.output_text.delta', { ...this.#place(), delta, logprobs: [] });
  }

  /** Closes the text. */
  close(text: string): void {
    this.#open();
    this.#send('response.output_text.done', { ...this.#place(), text, logprobs: [] });
    this.#send('response.content_part.done', { ...this.#place(), part: textPart(text) });
  }

  /** Closes the message and the response, and ends the stream. */
  end(response: ReturnType<typeof responseObject>): void {
    const { output, status } = response;
    this.#send('response.output_item.done', { output_index: 0, item: output[0] });
    this.#send(`response.${status}`, { response });
    this.#events.end(false);
  }

  /** Ends the stream with a response that failed. */
  fail({ code, message, param }: ApiError): void {
    const response = { ...responseObject(this.#fields), status: 'failed', error: { code, message } };
    this.#send('response.failed', { response });
    this.#send('error', { code, message, param });
    this.#events.end(false);
  }

  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const response = responseObject(this.#fields);
    this.#send('response.created', { response });
    this.#send('response.in_progress', { response });
    this.#send('response.output_item.added', { output_index: 0, item: outputItem(this.#fields.id) });
    this.#send('response.content_part.added', { ...this.#place(), part: textPart('') });
  }

  #place() {
    return { item_id: itemId(this.#fields.id), output_index: 0, content_index: 0 };
  }

  #send(type: string, fields: object): void {
    this.#events.send({ type, sequence_number: this.#number++, ...fields }, type);
  }
}
