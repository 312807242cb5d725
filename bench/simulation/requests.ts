// Requests of a simulation. Their lengths are given: the ids of a simulated runner mean nothing, so no eos ends them.
import { deriveSeed } from '../../src/core/sampling-params.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import type { TimedRequest } from '../load/requests.ts';
import type { Arrival } from '../load/workload.ts';
import type { RecordedRun } from '../open-loop/run-file.ts';
import { requestsIn } from '../open-loop/run-log.ts';

/** Makes the requests of a workload, each as long as its arrival says. */
export function simulatedRequests(
  arrivals: readonly Arrival[],
  tokenizer: Pick<Tokenizer, 'encode'>,
  seed: number,
): TimedRequest[] {
  return arrivals.map(({ prompt = '', promptIds = tokenizer.encode(prompt), outputLength = 1, ...arrival }, index) => ({
    ...arrival,
    requestId: String(index),
    promptIds,
    sampling: { maxTokens: outputLength, seed: deriveSeed(seed, index), ignoreEos: true },
  }));
}

/** Makes the requests of a recorded run, each as long as it was there. */
export function repeatedRequests({ header, entries }: RecordedRun): TimedRequest[] {
  return requestsIn(entries).map(({ requestId, start, promptIds, ids, seed, priority }) => ({
    requestId,
    due: start - header.start,
    promptIds,
    priority,
    sampling: { maxTokens: Math.max(1, ids.length), seed, ignoreEos: true },
  }));
}
