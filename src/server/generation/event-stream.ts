// Server-sent events: JSON a line, comments in a silence so that proxies keep the connection, and an error as the last event.
import type { ApiError } from '../api-error.ts';
import { AnswerStream, type AnswerTarget, type StreamTimes } from './answer-stream.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies would wait for the end.
  'x-accel-buffering': 'no',
};

/** An answer as events. */
export class EventStream {
  readonly #answer: AnswerStream;
  readonly #timer: NodeJS.Timeout;
  #isQuiet = true;

  constructor(response: AnswerTarget, times: StreamTimes) {
    this.#answer = new AnswerStream(response, HEADERS, times);
    this.#timer = setInterval(() => this.#keepAlive(), times.keepAliveMs);
    response.once('close', () => clearInterval(this.#timer));
  }

  /** True once an error can no longer be an answer of its own. */
  get hasBegun(): boolean {
    return this.#answer.hasBegun;
  }

  /** As of `AnswerStream`. */
  get drained(): Promise<void> | null {
    return this.#answer.drained;
  }

  /** Sends an event. */
  send(data: object, name?: string): void {
    this.sendJson(JSON.stringify(data), name);
  }

  /** Sends an event whose data is JSON already. */
  sendJson(json: string, name?: string): void {
    this.#isQuiet = false;
    this.#answer.write(`${name === undefined ? '' : `event: ${name}\n`}data: ${json}\n\n`);
  }

  /** Ends the events, with the mark that OpenAI's clients wait for unless told otherwise. */
  end(mark = true): void {
    clearInterval(this.#timer);
    if (mark) this.#answer.write('data: [DONE]\n\n');
    this.#answer.end();
  }

  /** Ends the events with an error. */
  fail(error: ApiError): void {
    this.send(error.body);
    this.end();
  }

  /** Leaves the events to an answer that is none. */
  leave(): void {
    clearInterval(this.#timer);
  }

  #keepAlive(): void {
    if (this.#isQuiet && this.#answer.drained === null) this.#answer.write(': still at work\n\n');
    this.#isQuiet = true;
  }
}
