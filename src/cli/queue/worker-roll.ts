// The workers of a queue, which say who they are when asked: nothing has to be kept of those that are gone.
import type { Subscription } from '@nats-io/transport-node';
import { isJsonObject } from '../../util/json.ts';
import type { QueueConnection } from './queue-connection.ts';

/** A worker. */
export interface Worker {
  readonly fingerprint: string;
  readonly model: string;
}

/** Time in which workers answer, in milliseconds. */
const ROLL_MS = 1000;

/** Answers for a worker until the subscription ends. */
export function answerRoll({ nats, subjects }: QueueConnection, worker: Worker): Subscription {
  const text = JSON.stringify(worker);
  return nats.subscribe(subjects.workers, {
    callback: (error, message) => {
      if (error === null) message.respond(text);
    },
  });
}

/** Asks who is there. */
export async function askWorkers({ nats, subjects }: QueueConnection): Promise<Worker[]> {
  const answers = await nats.requestMany(subjects.workers, '', { strategy: 'timer', maxWait: ROLL_MS });
  const workers: Worker[] = [];
  for await (const answer of answers) {
    const worker = readWorker(answer.string());
    if (worker !== null) workers.push(worker);
  }
  return workers;
}

function readWorker(text: string): Worker | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return null;
    const { fingerprint, model } = value;
    return typeof fingerprint === 'string' && typeof model === 'string' ? { fingerprint, model } : null;
  } catch {
    return null;
  }
}
