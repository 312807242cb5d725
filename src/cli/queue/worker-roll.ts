// The workers of a queue, which say who they are when asked: nothing has to be kept of those that are gone.
import type { Subscription } from '@nats-io/transport-node';
import { isJsonObject } from '../../util/json.ts';
import type { QueueConnection } from './queue-connection.ts';

/** Time in which workers answer, in milliseconds. */
const ROLL_MS = 1000;

/** Answers for a worker until the subscription ends. */
export function answerRoll({ nats, subjects }: QueueConnection, fingerprint: string): Subscription {
  const text = JSON.stringify({ fingerprint });
  return nats.subscribe(subjects.workers, {
    callback: (error, message) => {
      if (error === null) message.respond(text);
    },
  });
}

/** Asks who is there; returns a fingerprint for each worker. */
export async function askWorkers({ nats, subjects }: QueueConnection): Promise<string[]> {
  const answers = await nats.requestMany(subjects.workers, '', { strategy: 'timer', maxWait: ROLL_MS });
  const fingerprints: string[] = [];
  for await (const answer of answers) {
    const fingerprint = readFingerprint(answer.string());
    if (fingerprint !== null) fingerprints.push(fingerprint);
  }
  return fingerprints;
}

function readFingerprint(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && typeof value.fingerprint === 'string' ? value.fingerprint : null;
  } catch {
    return null;
  }
}
