// A streamed completion or chat, as any server of OpenAI's API answers it. Tokens are those of its usage; texts are never encoded again.
import type { TimelineSpan } from '../../src/engine/observe/timeline.ts';
import { isJsonObject, type JsonObject, tryJsonObject } from '../../src/util/json.ts';
import { clip, quote } from '../../src/util/quote.ts';
import type { StreamedAnswer } from './http-client.ts';
import { readEvents } from './read-events.ts';

/** Tokens of a completion, as its server counts them. */
export interface Usage {
  readonly prompt: number;
  readonly completion: number;
  /** Tokens of the prompt that were not computed; null where the server does not say. */
  readonly cached: number | null;
}

/** Span of a request's time by its server's clock, in milliseconds from its arrival there. */
export type ServerSpan = Pick<TimelineSpan, 'kind' | 'start' | 'end'>;

/** Why a request has no completion: a few words to count by, and a line. */
export interface Fault {
  readonly reason: string;
  readonly message: string;
  /** True for a server that was too busy. */
  readonly isRefusal: boolean;
}

/** Completion of a request, or why there is none; times in milliseconds of the client's clock. */
export interface Completion {
  readonly sent: number;
  readonly end: number;
  /** When pieces of text came. */
  readonly tokenTimes: readonly number[];
  readonly usage: Usage | null;
  /** Null unless the server gave one. */
  readonly timeline: readonly ServerSpan[] | null;
  readonly fault: Fault | null;
}

const TOO_MANY_REQUESTS = 429;
const OK = 200;
const DONE = '[DONE]';

/** Reads the answer to a call with `stream` and `stream_options.include_usage`. */
export function readCompletion(answer: StreamedAnswer): Completion {
  const { sent, end, pieces, status, contentType, fault } = answer;
  const whole = { sent, end, tokenTimes: [], usage: null, timeline: null };
  if (status === 0) return { ...whole, fault: cut(`no answer (${fault ?? 'unknown'})`, fault ?? 'unknown') };
  if (status !== OK) {
    const body = Buffer.concat(pieces.map(({ bytes }) => bytes)).toString('utf8');
    return { ...whole, fault: { ...refusalOf(status, body), isRefusal: status === TOO_MANY_REQUESTS } };
  }
  if (!contentType.startsWith('text/event-stream')) {
    const message = `the answer is ${quote(contentType)}, expected text/event-stream: the server does not stream`;
    return { ...whole, fault: { reason: 'no stream', message, isRefusal: false } };
  }
  return readStream(answer);
}

function readStream({ sent, end, pieces, fault }: StreamedAnswer): Completion {
  const state = new StreamState();
  const events = readEvents(pieces);
  for (const { time, data } of events) state.take(time, data);
  const { tokenTimes, usage, timeline } = state;
  const lastTime = events.at(-1)?.time ?? end;
  const found = state.error ?? (fault === null ? state.missing : cut(`the connection ended early (${fault})`, fault));
  return { sent, end: lastTime, tokenTimes, usage, timeline, fault: found };
}

/** State of a stream as far as it has been read. */
class StreamState {
  readonly tokenTimes: number[] = [];
  usage: Usage | null = null;
  timeline: readonly ServerSpan[] | null = null;
  error: Fault | null = null;
  #isFinished = false;

  /** Takes the data of an event. */
  take(time: number, data: string): void {
    if (data === DONE || this.error !== null) return;
    const chunk = tryJsonObject(data);
    if (chunk === null) this.error = cut(`event ${quote(data)} is no JSON object`, 'no JSON');
    else if (isJsonObject(chunk.error) || chunk.object === 'error') {
      const { reason, message } = describeError(isJsonObject(chunk.error) ? chunk.error : chunk);
      this.error = cut(`the stream ended with an error: ${message}`, reason);
    } else this.#takeChunk(time, chunk);
  }

  /** The part that a stream without a fault lacks; null where it is whole. */
  get missing(): Fault | null {
    if (!this.#isFinished) return cut('the stream ended without a finish_reason', 'no finish_reason');
    if (this.usage !== null) return null;
    return cut(
      'the stream has no usage, expected one for stream_options.include_usage: tokens are not guessed',
      'no usage',
    );
  }

  #takeChunk(time: number, { choices, usage }: JsonObject): void {
    if (isJsonObject(usage)) this.usage = usageOf(usage);
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
    if (!isJsonObject(choice)) return;
    if (textOf(choice) !== '') this.tokenTimes.push(time);
    if (typeof choice.finish_reason === 'string') this.#isFinished = true;
    if (Array.isArray(choice.timeline)) this.timeline = choice.timeline.flatMap(spanOf);
  }
}

/** Text of a choice: of a completion, or of a chat, whose reasoning counts too. */
function textOf({ text, delta }: JsonObject): string {
  const parts = isJsonObject(delta) ? [delta.content, delta.reasoning_content, delta.reasoning] : [text];
  return parts.filter((part) => typeof part === 'string').join('');
}

function usageOf({
  prompt_tokens: prompt,
  completion_tokens: completion,
  prompt_tokens_details: details,
}: JsonObject): Usage | null {
  const cached = isJsonObject(details) ? details.cached_tokens : null;
  if (!isCount(prompt) || !isCount(completion)) return null;
  return { prompt, completion, cached: isCount(cached) ? cached : null };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

const KINDS = ['queued', 'preempted', 'waiting', 'prefill', 'decode', 'finishing'] as const;

function spanOf(span: unknown): ServerSpan[] {
  if (!isJsonObject(span)) return [];
  const { start, end } = span;
  const kind = KINDS.find((one) => one === span.kind);
  return kind !== undefined && typeof start === 'number' && typeof end === 'number' ? [{ kind, start, end }] : [];
}

/** Describes an answer that refuses or fails a call. */
export function refusalOf(status: number, body: string): Pick<Fault, 'reason' | 'message'> {
  const object = tryJsonObject(body);
  const error = isJsonObject(object?.error) ? object.error : (object ?? {});
  const { reason, message } = describeError(error);
  return {
    reason: reason === '' ? String(status) : `${status} ${reason}`,
    message: `the server answers ${status}${message === '' ? '' : `: ${message}`}`,
  };
}

/** Longest message of a server that is shown. */
const MAX_MESSAGE = 200;

function describeError({ code, type, message, detail }: JsonObject): Pick<Fault, 'reason' | 'message'> {
  const reason = [code, type].find((each) => typeof each === 'string' || typeof each === 'number') ?? '';
  const text = [message, detail].find((each) => typeof each === 'string') ?? '';
  return { reason: clip(oneLine(reason), MAX_MESSAGE), message: clip(oneLine(text), MAX_MESSAGE) };
}

function oneLine(text: unknown): string {
  return String(text).replaceAll(/\s+/g, ' ');
}

function cut(message: string, reason: string): Fault {
  return { reason, message, isRefusal: false };
}
