// Answers of the workers of a queue: each line is a job there, and its result comes back in whatever order. A line is asked for again
// only when the queue lost what it had.

import { setTimeout } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import type { AnswerSource, Answers, LineAnswer, LineCall } from '../batch/line-answer.ts';
import { LineSet } from '../batch/line-set.ts';
import { faultRecord, readResult } from '../batch/result.ts';
import type { StartingPoint } from '../batch/resume.ts';
import { writeJob } from './job.ts';
import type { QueueConnection } from './queue-connection.ts';
import { ANY } from './subjects.ts';
import { askWorkers } from './worker-roll.ts';

/** Lines in the queue at once: enough for a hundred workers, and all that a queue has to hold of a run. */
const WINDOW = 2048;
const CHECK_MS = 2000;
/** Time after which a reader without a word from the queue begins again, in milliseconds. */
const SILENCE_MS = 8000;

/** A line that was asked for. */
interface Asked {
  readonly job: Uint8Array;
  readonly signal: AbortSignal;
  readonly resolve: (answer: LineAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** Answers of workers. */
export class QueueAnswers implements Answers {
  readonly source: AnswerSource;
  readonly window = WINDOW;
  readonly #queue: QueueConnection;
  readonly #asked = new Map<number, Asked>();
  /** Results of lines that have not been asked for: of a run that was cut after they were. */
  readonly #early = new Map<number, LineAnswer>();
  readonly #taken = new LineSet();
  readonly #numBy = new Map<string, number>();
  readonly #close = new AbortController();
  #run = '';
  #done: LineSet = new LineSet();
  #tasks: Promise<unknown>[] = [];
  #stopReading: () => void = () => {};

  /** @param fingerprint wanted of workers, or `any`. The queue is closed with this. */
  constructor(queue: QueueConnection, fingerprint: string) {
    this.#queue = queue;
    this.source = { model: queue.address.name, fingerprint, queue: queue.address.name };
  }

  begin({ queue, done }: StartingPoint, signal: AbortSignal): void {
    this.#run = queue?.run ?? '';
    this.#done = done;
    const end = AbortSignal.any([signal, this.#close.signal, this.#queue.lost]);
    end.addEventListener('abort', () => this.#end(end.reason), { once: true });
    this.#tasks = [this.#collect(end), this.#guard(end), this.#tellOfWorkers(end)];
  }

  async answer(call: LineCall): Promise<LineAnswer> {
    const { line, customId, signal } = call;
    const early = this.#early.get(line);
    if (early !== undefined) {
      this.#early.delete(line);
      return early;
    }
    const job = writeJob(call);
    const { maxPayload, lost } = this.#queue;
    if (job.length > maxPayload) {
      const message = `line is ${job.length} bytes as a job, expected at most ${maxPayload}, those that the queue takes`;
      return { record: faultRecord({ line, customId }, { code: 'line_too_long', message }), isError: true, tokens: 0 };
    }
    const { promise, resolve, reject } = Promise.withResolvers<LineAnswer>();
    const asked = { job, signal: AbortSignal.any([signal, lost]), resolve, reject };
    const abort = () => reject(asked.signal.reason);
    asked.signal.addEventListener('abort', abort, { once: true });
    this.#asked.set(line, asked);
    this.#publish(line, asked);
    try {
      return await promise;
    } finally {
      asked.signal.removeEventListener('abort', abort);
      this.#asked.delete(line);
    }
  }

  /** Takes the run out of the queue, and tells of several fingerprints. */
  async finish(): Promise<string | null> {
    const { manager, subjects } = this.#queue;
    await manager.streams.purge(subjects.jobStream, { filter: subjects.jobsOf(this.#run) });
    await manager.streams.purge(subjects.resultStream, { filter: subjects.resultsOf(this.#run) });
    if (this.#numBy.size < 2) return null;
    const parts = [...this.#numBy].map(([fingerprint, num]) => `${fingerprint} ${num}`);
    return `results of ${parts.length} fingerprints, whose ids may differ: ${parts.join(', ')}`;
  }

  #publish(line: number, asked: Asked): void {
    const subject = this.#queue.subjects.job(this.source.fingerprint, { run: this.#run, line });
    this.#queue.publish(subject, asked.job, asked.signal).catch(asked.reject);
  }

  /** Reads the results of the run, again from the first one when the stream is another. */
  async #collect(signal: AbortSignal): Promise<void> {
    const { client, subjects } = this.#queue;
    while (!signal.aborted) {
      try {
        const consumer = await client.consumers.get(subjects.resultStream, {
          filter_subjects: subjects.resultsOf(this.#run),
        });
        const messages = await consumer.consume({ expires: SILENCE_MS / 2 });
        this.#stopReading = () => messages.stop();
        if (signal.aborted) messages.stop();
        for await (const message of messages) this.#take(message);
      } catch {
        await pause(signal);
      }
    }
  }

  #take(message: JsMsg): void {
    const place = this.#queue.subjects.placeOf(message.subject);
    if (place === null) return;
    const { line } = place;
    if (this.#done.has(line) || this.#taken.has(line)) return;
    const answer = readAnswer(message.string(), line);
    if (answer === null) {
      void this.#askAgain(message, line);
      return;
    }
    this.#taken.add(line);
    const fingerprint = message.headers?.get('Fingerprint') || 'unknown';
    this.#numBy.set(fingerprint, (this.#numBy.get(fingerprint) ?? 0) + 1);
    const asked = this.#asked.get(line);
    if (asked === undefined) this.#early.set(line, answer);
    else asked.resolve(answer);
  }

  /** Takes away a message among the results that is none, and asks for the line again. */
  async #askAgain({ seq, subject }: JsMsg, line: number): Promise<void> {
    this.#queue.tell(`has a message on ${subject} that is no result of line ${line}, which is asked for again`);
    await this.#queue.manager.streams.deleteMessage(this.#queue.subjects.resultStream, seq).catch(() => {});
    const asked = this.#asked.get(line);
    if (asked !== undefined) this.#publish(line, asked);
  }

  /** Asks for every line again when the queue lost its messages: its streams are younger than they were. */
  async #guard(signal: AbortSignal): Promise<void> {
    let made: string | null = null;
    let { numReconnects } = this.#queue;
    while (!signal.aborted) {
      try {
        const now = await this.#queue.ensureStreams();
        if (made !== null && made !== now) {
          this.#queue.tell('lost its messages, and is asked again');
          this.#stopReading();
          for (const [line, asked] of this.#asked) this.#publish(line, asked);
        }
        made = now;
        if (numReconnects !== this.#queue.numReconnects) this.#stopReading();
        ({ numReconnects } = this.#queue);
      } catch {
        // The connection tells of it.
      }
      await pause(signal);
    }
  }

  async #tellOfWorkers(signal: AbortSignal): Promise<void> {
    const fingerprints = await askWorkers(this.#queue).catch((): string[] => []);
    if (signal.aborted) return;
    const wanted = this.source.fingerprint;
    if (wanted === ANY ? fingerprints.length === 0 : !fingerprints.includes(wanted)) {
      this.#queue.tell(wanted === ANY ? 'has no worker yet' : `has no worker of the fingerprint ${wanted} yet`);
    }
  }

  #end(reason: unknown): void {
    this.#stopReading();
    for (const { reject } of this.#asked.values()) reject(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close.abort();
    await Promise.all(this.#tasks);
    await this.#queue[Symbol.asyncDispose]();
  }
}

/** Waits until the next look at a queue, or the end. */
async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(CHECK_MS, undefined, { signal }).catch(() => {});
}

/** Reads a result; returns null for a text that is not that of the line. */
function readAnswer(record: string, line: number): LineAnswer | null {
  const facts = readResult(record);
  if (facts === null || facts.line !== line || record.indexOf('\n') !== record.length - 1) return null;
  return { record, isError: facts.isError, tokens: facts.tokens };
}
