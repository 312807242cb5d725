// The reader of a run's results: in the order of the stream, again from the first one when it is told to. A result that is safe with the
// caller is taken away there, so that a queue holds those of a window and not those of a whole run.
import { setTimeout } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import type { LineAnswer } from '../batch/line-answer.ts';
import { readResult } from '../batch/result.ts';
import type { QueueConnection } from './queue-connection.ts';
import type { RunMessages } from './run-messages.ts';

/** Receiver of results. */
export interface ResultListener {
  /** Receives each result, again after the reader began anew. */
  readonly onResult: (line: number, answer: LineAnswer, fingerprint: string) => void;
  /** Called when a message that is no result of its line was taken away. */
  readonly onRubbish: (line: number) => void;
  /** Tells whether the result of a line is safe. */
  readonly isSafe: (line: number) => boolean;
}

/** Time after which a reader without a word from the queue begins again, in milliseconds. */
const SILENCE_MS = 8000;
const RETRY_MS = 1000;
const FINGERPRINT = /^[\w-]{1,64}$/;

/** Reader of results. */
export class ResultReader {
  readonly #queue: QueueConnection;
  readonly #messages: RunMessages;
  readonly #listener: ResultListener;
  /** Results that were read and have not been taken away, in their order. */
  #read: { readonly seq: number; readonly line: number }[] = [];
  #stop: () => void = () => {};

  constructor(queue: QueueConnection, messages: RunMessages, listener: ResultListener) {
    this.#queue = queue;
    this.#messages = messages;
    this.#listener = listener;
  }

  /** Reads until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, subjects } = this.#queue;
    signal.addEventListener('abort', () => this.#stop(), { once: true });
    while (!signal.aborted) {
      try {
        this.#read = [];
        const filter = { filter_subjects: this.#messages.results };
        const consumer = await client.consumers.get(subjects.resultStream, filter);
        const messages = await consumer.consume({ expires: SILENCE_MS / 2 });
        this.#stop = () => messages.stop();
        if (signal.aborted) messages.stop();
        for await (const message of messages) this.#take(message);
      } catch {
        await setTimeout(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Begins again from the first result that is there. */
  restart(): void {
    this.#stop();
  }

  /** Takes those results away that are safe, but for those after one that is not. */
  async dropSafe(): Promise<void> {
    const unsafe = this.#read.findIndex(({ line }) => !this.#listener.isSafe(line));
    const safe = this.#read.splice(0, unsafe < 0 ? this.#read.length : unsafe);
    const last = safe.at(-1);
    if (last !== undefined) await this.#messages.dropResults(last.seq);
  }

  #take(message: JsMsg): void {
    const { seq, subject } = message;
    const line = this.#queue.subjects.placeOf(subject)?.line;
    if (line === undefined) return;
    const answer = readAnswer(message.string(), line);
    if (answer === null) {
      void this.#drop(message, line);
      return;
    }
    this.#read.push({ seq, line });
    const named = message.headers?.get('Fingerprint') ?? '';
    this.#listener.onResult(line, answer, FINGERPRINT.test(named) ? named : 'unknown');
  }

  /** Takes a message away that is no result. */
  async #drop({ seq, subject }: JsMsg, line: number): Promise<void> {
    const { manager, subjects, troubles } = this.#queue;
    troubles.tell(`has a message on ${subject} that is no result of line ${line}, which is asked for again`);
    await manager.streams.deleteMessage(subjects.resultStream, seq).catch(() => {});
    this.#listener.onRubbish(line);
  }
}

/** Reads a result; returns null for a text that is not that of the line. */
function readAnswer(record: string, line: number): LineAnswer | null {
  const facts = readResult(record);
  if (facts === null || facts.line !== line || record.indexOf('\n') !== record.length - 1) return null;
  return { record, isError: facts.isError, tokens: facts.tokens };
}
