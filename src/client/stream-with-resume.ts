// A stream that goes on elsewhere when its replica breaks: ids are a function of call, seed and fingerprint, so all that another replica needs is
// the ids that came.
import { drawSeed } from '../util/rng.ts';
import { checkCall, type ResumableCall } from './call-checks.ts';
import type { StreamChunk } from './chunk.ts';
import { NoReplicaError, ReplicaError } from './errors.ts';
import { streamReplica } from './replica-stream.ts';
import { StreamSoFar } from './stream-so-far.ts';

const SILENCE_MS = 60_000;

/**
 * Streams a completion or a chat. Where the stream breaks, the next replica of the same fingerprint goes on after the ids that came, and the chunks
 * are those of a stream that never broke: the same ids, texts and reason, under the id of the first answer. A replica of another
 * fingerprint is passed over. Leaving the loop ends the call.
 *
 * @throws RangeValueError for a call that is none, or whose stream could not go on elsewhere; from the stream, CallRefusedError for a call that
 * every replica would refuse, NoReplicaError where none goes on, NoTokenIdsError where a router keeps the ids back, and the signal's reason.
 */
export function streamWithResume(call: ResumableCall): AsyncGenerator<StreamChunk, void, undefined> {
  checkCall(call);
  return stream({ ...call, replicas: [...call.replicas], body: { ...call.body } });
}

async function* stream(call: ResumableCall): AsyncGenerator<StreamChunk, void, undefined> {
  const { replicas, path, body, apiKey, signal, attempts = replicas.length, silenceMs = SILENCE_MS } = call;
  signal?.throwIfAborted();
  const fixed = { ...body, seed: body.seed ?? drawSeed(), stream: true, return_token_ids: true };
  const soFar = new StreamSoFar();
  const failures: ReplicaError[] = [];
  for (let [index, numFruitless] = [0, 0]; numFruitless < attempts; index++) {
    const replica = replicas[index % replicas.length]!;
    const numBefore = soFar.ids.length;
    try {
      const parts = { replica, path, body: { ...fixed, ...soFar.begin() }, apiKey, signal, silenceMs };
      for await (const chunk of streamReplica(parts)) {
        const next = soFar.take(chunk, replica);
        if (next !== null) yield next;
      }
      return;
    } catch (error) {
      if (!(error instanceof ReplicaError)) throw error;
      const isFruitless = soFar.ids.length === numBefore;
      if (!isFruitless) failures.length = 0;
      numFruitless = isFruitless ? numFruitless + 1 : 0;
      failures.push(error);
    }
  }
  throw new NoReplicaError(failures, soFar.ids);
}
