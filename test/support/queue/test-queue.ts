// A queue of a test with a real server: workers that answer without a model, and a batch that asks them.
import { setTimeout } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { onTestFinished } from 'vitest';
import type { Answers, LineAnswer, LineCall } from '../../../src/cli/batch/line-answer.ts';
import { LineSet } from '../../../src/cli/batch/line-set.ts';
import { answerRecord } from '../../../src/cli/batch/result.ts';
import type { StartingPoint } from '../../../src/cli/batch/resume.ts';
import { readQueueAddress } from '../../../src/cli/queue/queue-address.ts';
import { QueueAnswers } from '../../../src/cli/queue/queue-answers.ts';
import { QueueConnection } from '../../../src/cli/queue/queue-connection.ts';
import { runWorker } from '../../../src/cli/queue/run-worker.ts';
import { answerRoll } from '../../../src/cli/queue/worker-roll.ts';
import { NatsServer } from './nats-server.ts';

export const RUN = '0123456789abcdef';
export const never = new AbortController().signal;

/** Start of a run. */
export function startOf(done: LineSet): StartingPoint {
  return { done, numErrors: 0, seed: 1, queue: { name: 'roseinfer', run: RUN }, former: null, canGoOn: true };
}

/** The answer to a call: a function of its body and seed alone, as an engine's is. */
export function answerOf({ line, customId, body, seed }: LineCall, fingerprint = 'fp_a'): LineAnswer {
  const choices = [{ text: `${JSON.stringify(body)} by ${seed}` }];
  const answer = { id: 'cmpl-1', system_fingerprint: fingerprint, choices, usage: { completion_tokens: 2 } };
  const tokens = { prompt: 1, completion: 2, cached: 0 };
  const record = answerRecord({ line, customId }, { status: 200, body: answer, tokens, error: null });
  return { record, isError: false, tokens: 2 };
}

/** A worker that answers within a few milliseconds. */
class TestWorker {
  readonly asked: number[] = [];
  readonly queue: QueueConnection;
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  constructor(queue: QueueConnection, { delay = 2, fingerprint = 'fp_a', fail = false } = {}) {
    this.queue = queue;
    const answers: Pick<Answers, 'answer' | 'window' | 'source'> = {
      source: { model: 'tales', fingerprint, queue: null },
      window: 4,
      answer: async (call) => {
        this.asked.push(call.line);
        await setTimeout(delay);
        if (fail) throw new Error('the device is gone');
        return answerOf(call, fingerprint);
      },
    };
    answerRoll(queue, fingerprint);
    const counts = { numLines: 0, numErrors: 0, numTokens: 0 };
    this.ended = runWorker({ queue, answers, signal: this.#stop.signal, counts, onLine: () => {} });
    this.ended.catch(() => {});
  }

  /** Ends it as SIGKILL does: without a word to the queue. */
  async kill(): Promise<void> {
    await this.queue.nats.close();
    await this.ended.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}

export async function setUp({ words = [] as string[], wanted = 'any' } = {}) {
  const server = await NatsServer.start(...words);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const notices: string[] = [];
  const open = async () => {
    const queue = await QueueConnection.open(readQueueAddress('queue', server.url), {
      onNotice: (line) => notices.push(line.replaceAll(server.url, 'URL')),
    });
    onTestFinished(() => queue[Symbol.asyncDispose]());
    return queue;
  };
  const answers = new QueueAnswers(await open(), wanted);
  onTestFinished(() => answers[Symbol.asyncDispose]());
  const begin = (done = new LineSet(), signal = never) => answers.begin(startOf(done), signal);
  const admin = async () => {
    const nats = await connect({ servers: server.url });
    onTestFinished(() => nats.close());
    return { nats, manager: await jetstreamManager(nats) };
  };
  const worker = async (options = {}) => new TestWorker(await open(), options);
  return { server, open, answers, begin, notices, admin, worker };
}

export const call = (line: number, signal: AbortSignal = never): LineCall => ({
  line,
  customId: `a ${line}`,
  path: '/v1/completions',
  body: { prompt: `text ${line}` },
  seed: 7 * line,
  signal,
});
export const lines = (num: number) => Array.from({ length: num }, (_, i) => i + 1);
export const all = (answers: Answers, num: number) => Promise.all(lines(num).map((line) => answers.answer(call(line))));
export const expected = (num: number) => lines(num).map((line) => answerOf(call(line)));
