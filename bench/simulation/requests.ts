import { deriveSeed } from '../../src/core/sampling-params.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import type { TimedRequest } from '../load/requests.ts';
import type { Arrival } from '../load/workload.ts';
import type { RecordedRun } from '../open-loop/run-file.ts';

/** Requests of a workload for a runner whose ids mean nothing: how long they get is given, so nothing else ends them. */
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

/** The requests of a recorded run, as long as they got there. */
export function repeatedRequests({ header, entries }: RecordedRun): TimedRequest[] {
  const requests = entries.flatMap((entry) => ('request' in entry ? [entry.request] : []));
  return requests.map(({ requestId, start, promptIds, ids, seed, priority }) => ({
    requestId,
    due: start - header.start,
    promptIds,
    priority,
    sampling: { maxTokens: Math.max(1, ids.length), seed, ignoreEos: true },
  }));
}
