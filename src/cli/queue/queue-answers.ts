// Answers of the workers of a queue: each line is a job there, and its result comes back in whatever order. A line is asked for again
// only when the queue lost what it had.

import { setTimeout } from 'node:timers/promises';
import type { AnswerSource, Answers, LineAnswer, LineCall } from '../batch/line-answer.ts';
import { LineSet } from '../batch/line-set.ts';
import { faultRecord } from '../batch/result.ts';
import type { StartingPoint } from '../batch/resume.ts';
import { writeJob } from './job.ts';
import type { QueueConnection } from './queue-connection.ts';
import { messageOf, QueueError } from './queue-error.ts';
import { ResultReader } from './result-reader.ts';
import { RunMessages } from './run-messages.ts';
import { ANY } from './subjects.ts';
import { askWorkers } from './worker-roll.ts';

/** Lines in the queue at once: enough for a hundred workers, and all that a queue has to hold of a run. */
const WINDOW = 2048;
const CHECK_MS = 2000;
/** Checks without a result between them, after which workers and lost messages are looked for. */
const IDLE_CHECKS = 3;

/** A line that was asked for. */
interface Asked {
  readonly job: Uint8Array;
  /** True once the queue had its job or its result. */
  isStored: boolean;
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
  /** True where what is in the queue is needed after a cut. */
  #isKept = true;
  #messages!: RunMessages;
  #reader!: ResultReader;
  /** Lines that had a result in the queue when the run began. */
  #answered: Promise<ReadonlySet<number>> = Promise.resolve(new Set());
  #tasks: Promise<unknown>[] = [];

  /** @param fingerprint wanted of workers, or `any`. The queue is closed with this. */
  constructor(queue: QueueConnection, fingerprint: string) {
    this.#queue = queue;
    this.source = { model: queue.address.name, fingerprint, queue: queue.address.name };
  }

  begin({ queue, done, former, canGoOn }: StartingPoint, signal: AbortSignal): void {
    this.#run = queue?.run ?? '';
    this.#done = done;
    this.#messages = new RunMessages(this.#queue, this.#run);
    this.#reader = new ResultReader(this.#queue, this.#messages, {
      onResult: (line, answer, fingerprint) => this.#take(line, answer, fingerprint),
      onRubbish: (line) => this.#askAgain([line]),
      isSafe: (line) => done.has(line),
    });
    // One that is not known is answered once more.
    this.#answered = this.#messages.linesWithResult().catch(() => new Set());
    const end = AbortSignal.any([signal, this.#close.signal, this.#queue.lost]);
    end.addEventListener('abort', () => this.#end(end.reason), { once: true });
    this.#isKept = canGoOn;
    this.#tasks = [this.#reader.run(end), this.#guard(end)];
    if (former !== null && former.name === queue?.name) {
      this.#tasks.push(new RunMessages(this.#queue, former.run).drop().catch(() => {}));
    }
  }

  async answer(call: LineCall): Promise<LineAnswer> {
    const { line, customId, signal } = call;
    const isStored = (await this.#answered).has(line);
    signal.throwIfAborted();
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
    const asked = { job, isStored, signal: AbortSignal.any([signal, lost]), resolve, reject };
    const abort = () => reject(asked.signal.reason);
    asked.signal.addEventListener('abort', abort, { once: true });
    this.#asked.set(line, asked);
    if (!isStored) this.#askAgain([line]);
    try {
      return await promise;
    } finally {
      asked.signal.removeEventListener('abort', abort);
      this.#asked.delete(line);
    }
  }

  /** Takes the run out of the queue, and tells of several fingerprints. */
  async finish(): Promise<string | null> {
    await this.#messages.drop().catch((error: unknown) => {
      const { troubles } = this.#queue;
      troubles.tell(`may have messages of this run left (${messageOf(error)}), which the same command takes away`);
    });
    if (this.#numBy.size < 2) return null;
    const parts = [...this.#numBy].map(([fingerprint, num]) => `${fingerprint} ${num}`);
    return `results of ${parts.length} fingerprints, whose ids may differ: ${parts.join(', ')}`;
  }

  /** Publishes the jobs of lines that are asked for; one that is there is refused by the queue. */
  #askAgain(lines: Iterable<number>): void {
    for (const line of lines) {
      const asked = this.#asked.get(line);
      if (asked === undefined) continue;
      const subject = this.#queue.subjects.job(this.source.fingerprint, { run: this.#run, line });
      this.#queue.publish(subject, asked.job, asked.signal).then(() => {
        asked.isStored = true;
      }, asked.reject);
    }
  }

  #take(line: number, answer: LineAnswer, fingerprint: string): void {
    if (this.#done.has(line) || !this.#taken.add(line)) return;
    this.#numBy.set(fingerprint, (this.#numBy.get(fingerprint) ?? 0) + 1);
    const asked = this.#asked.get(line);
    if (asked === undefined) this.#early.set(line, answer);
    else asked.resolve(answer);
  }

  /** Looks after the queue until the run ends. */
  async #guard(signal: AbortSignal): Promise<void> {
    let made: string | null = null;
    let { numReconnects } = this.#queue;
    let numTaken = 0;
    let numIdle = IDLE_CHECKS - 1;
    while (!signal.aborted) {
      try {
        const now = await this.#queue.ensureStreams();
        if (made !== null && made !== now) {
          this.#queue.troubles.tell('lost its messages, and is asked again');
          this.#reader.restart();
          this.#askAgain(this.#asked.keys());
        }
        made = now;
        if (numReconnects !== this.#queue.numReconnects) this.#reader.restart();
        ({ numReconnects } = this.#queue);
        numIdle = numTaken === this.#taken.size ? numIdle + 1 : 0;
        numTaken = this.#taken.size;
        if (numIdle === 0) this.#queue.troubles.end(this.#noWorker);
        if (numIdle === IDLE_CHECKS) {
          numIdle = 0;
          await this.#lookForWorkers(signal);
          await this.#lookForLost();
        }
        await this.#reader.dropSafe();
      } catch (error) {
        // The connection tells of others.
        if (error instanceof QueueError) this.#end(error);
      }
      await setTimeout(CHECK_MS, undefined, { signal }).catch(() => {});
    }
  }

  get #noWorker(): string {
    const { fingerprint } = this.source;
    return fingerprint === ANY ? 'has no worker' : `has no worker of the fingerprint ${fingerprint}`;
  }

  async #lookForWorkers(signal: AbortSignal): Promise<void> {
    // None is an error for the client.
    const fingerprints = await askWorkers(this.#queue).catch((): string[] => []);
    if (signal.aborted) return;
    const { fingerprint } = this.source;
    const isThere = fingerprint === ANY ? fingerprints.length > 0 : fingerprints.includes(fingerprint);
    if (isThere) this.#queue.troubles.end(this.#noWorker);
    else this.#queue.troubles.begin(this.#noWorker);
  }

  /** Asks again for lines of which the queue has neither job nor result: others took them away, or a bound of theirs did. */
  async #lookForLost(): Promise<void> {
    const lines = [...this.#asked].filter(([, { isStored }]) => isStored).map(([line]) => line);
    if (lines.length === 0) return;
    const jobs = await this.#messages.linesWithJob();
    const results = await this.#messages.linesWithResult();
    const lost = lines.filter((line) => this.#asked.has(line) && !jobs.has(line) && !results.has(line));
    if (lost.length === 0) return;
    this.#queue.troubles.tell(`lost ${lost.length} of our messages, and is asked again`);
    this.#askAgain(lost);
  }

  #end(reason: unknown): void {
    for (const { reject } of this.#asked.values()) reject(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close.abort();
    await Promise.all(this.#tasks);
    if (!this.#isKept) await this.#messages.drop().catch(() => {});
    await this.#queue[Symbol.asyncDispose]();
  }
}
