// The work of a worker: it takes jobs as it has places for them, says that it is alive while it answers, and acknowledges a job when its
// result is stored. A result that is there already counts as its own.

import { setTimeout } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import type { Answers, LineAnswer } from '../batch/line-answer.ts';
import { faultRecord } from '../batch/result.ts';
import { Slots } from '../batch/slots.ts';
import { ACK_WAIT_MS, readJob } from './job.ts';
import type { QueueConnection } from './queue-connection.ts';
import { messageOf } from './queue-error.ts';
import { ANY, type JobPlace } from './subjects.ts';

/** Counts of a worker. */
export interface WorkerCounts {
  numLines: number;
  numErrors: number;
  numTokens: number;
}

/** Parts of a worker. */
export interface WorkerParts {
  readonly queue: QueueConnection;
  readonly answers: Pick<Answers, 'answer' | 'window' | 'source'>;
  /** Ends it when the jobs under way are done. */
  readonly signal: AbortSignal;
  readonly counts: WorkerCounts;
  /** Called after each line. */
  readonly onLine: () => void;
}

/** Signs of life in the time that a queue waits for one. */
const SIGNS_PER_WAIT = 3;
/** Deliveries of a job after which it counts as one that no worker survives. */
const MAX_DELIVERIES = 10;
const NEXT_MS = 5000;
const RETRY_MS = 500;
const NO_JOBS = 'gives no jobs';

/**
 * Answers jobs until it is told to end.
 *
 * @throws QueueError of a connection that ended; ApiError of a device that is gone, after whose jobs went back.
 */
export async function runWorker(parts: WorkerParts): Promise<void> {
  const { queue, answers, signal } = parts;
  const failure = new AbortController();
  const halt = AbortSignal.any([failure.signal, queue.lost]);
  const stop = AbortSignal.any([signal, halt]);
  const slots = new Slots(answers.window);
  const work = { ...parts, halt };
  const takers = [ANY, answers.source.fingerprint].map(async (wanted) => {
    for await (const message of take(queue, wanted, stop)) {
      const alive = signsOfLife(message);
      await slots.take();
      handle(work, message)
        .catch((error: unknown) => {
          // First: a job that goes back may come to a worker that still asks for one.
          failure.abort(error);
          message.nak();
        })
        .finally(() => {
          clearInterval(alive);
          slots.free();
        });
    }
  });
  await Promise.all(takers);
  await slots.allFree();
  halt.throwIfAborted();
}

/** Yields jobs one by one, so that none waits here for a place while another worker has one. */
async function* take(queue: QueueConnection, wanted: string, stop: AbortSignal): AsyncGenerator<JsMsg> {
  const { client, subjects } = queue;
  while (!stop.aborted) {
    try {
      await queue.ensureStreams();
      await queue.ensureConsumer(wanted);
      const consumer = await client.consumers.get(subjects.jobStream, wanted);
      while (!stop.aborted) {
        const messages = await consumer.fetch({ max_messages: 1, expires: NEXT_MS });
        const end = () => messages.stop();
        stop.addEventListener('abort', end, { once: true });
        if (stop.aborted) end();
        try {
          for await (const message of messages) {
            queue.troubles.end(NO_JOBS);
            yield message;
          }
        } finally {
          stop.removeEventListener('abort', end);
        }
        queue.troubles.end(NO_JOBS);
      }
    } catch (error) {
      if (stop.aborted) return;
      queue.troubles.begin(NO_JOBS, messageOf(error));
      await setTimeout(RETRY_MS, undefined, { signal: stop }).catch(() => {});
    }
  }
}

function signsOfLife(message: JsMsg): NodeJS.Timeout {
  return setInterval(() => message.working(), ACK_WAIT_MS / SIGNS_PER_WAIT);
}

type Work = WorkerParts & { readonly halt: AbortSignal };

async function handle(work: Work, message: JsMsg): Promise<void> {
  const { queue, answers, counts, onLine, halt } = work;
  const { subjects } = queue;
  const place = subjects.placeOf(message.subject);
  if (place === null) {
    message.term();
    return;
  }
  if (message.redelivered && (await hasResult(queue, place))) {
    message.ack();
    return;
  }
  const answer = await answerJob(work, message, place);
  if (!(await hasJob(queue, message))) return;
  const bytes = new TextEncoder().encode(shortened(answer, place, queue.maxPayload));
  await queue.publish(subjects.result(place), bytes, halt, answers.source.fingerprint);
  // Without a reason, which servers before 2.10.4 don't know.
  if (answer.isNoJob) message.term();
  else message.ack();
  counts.numLines++;
  counts.numTokens += answer.tokens;
  if (answer.isError) counts.numErrors++;
  onLine();
}

type JobAnswer = LineAnswer & { readonly isNoJob: boolean };

async function answerJob({ answers, halt }: Work, message: JsMsg, { line }: JobPlace): Promise<JobAnswer> {
  const fail = (code: string, text: string, customId: string | null = null): JobAnswer => {
    const record = faultRecord({ line, customId }, { code, message: text });
    return { record, isError: true, tokens: 0, isNoJob: code === 'invalid_job' };
  };
  const read = readJob(message.data);
  if ('fault' in read) return fail(read.fault.code, read.fault.message);
  const { job } = read;
  if (message.info.deliveryCount > MAX_DELIVERIES) {
    const text = `line was given to workers ${MAX_DELIVERIES} times, and none answered it`;
    return fail('given_up', text, job.customId);
  }
  return { ...(await answers.answer({ ...job, line, signal: halt })), isNoJob: false };
}

/** Replaces a result that a message can't hold by an error. */
function shortened({ record }: LineAnswer, { line }: JobPlace, maxPayload: number): string {
  const size = Buffer.byteLength(record);
  if (size <= maxPayload) return record;
  const { custom_id: customId }: { custom_id: string | null } = JSON.parse(record);
  const message = `result is ${size} bytes, expected at most ${maxPayload}, those that the queue takes`;
  return faultRecord({ line, customId }, { code: 'result_too_long', message });
}

/** Tells whether a job still waits for its result: not that of a run that has ended, nor one that another worker has answered. */
async function hasJob({ manager, subjects }: QueueConnection, { seq }: JsMsg): Promise<boolean> {
  const found = await manager.streams.getMessage(subjects.jobStream, { seq }).catch(() => 'unknown');
  return found !== null;
}

async function hasResult({ manager, subjects }: QueueConnection, place: JobPlace): Promise<boolean> {
  const found = await manager.streams
    .getMessage(subjects.resultStream, { last_by_subj: subjects.result(place) })
    .catch(() => null);
  return found !== null;
}
