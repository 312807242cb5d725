// Benchmark of a server: who it is, requests that are new to it, calls to warm it up, and the run.
import { drawSeed } from '../../src/util/rng.ts';
import type { DatasetEntry } from '../load/dataset.ts';
import { buildPrompts, type TimedRequest, timeRequests } from '../load/requests.ts';
import { MAX_WAIT_MS, type WaitingClock } from '../load/waiting-clock.ts';
import { type Arrival, buildWorkload, checkArrivals } from '../load/workload.ts';
import type { ServingArgs } from './args.ts';
import { callBody, pathOf } from './call-body.ts';
import { makeUnique } from './computed-prefill.ts';
import type { HttpClient } from './http-client.ts';
import type { ServerIdentity } from './identify-server.ts';
import { readCompletion } from './read-completion.ts';
import { runServing, type ServingOptions, type ServingRun } from './run-serving.ts';
import { ServerError } from './server-error.ts';

/** Server, dataset and callbacks of a benchmark. */
export interface ServingBenchmarkOptions extends Omit<ServingOptions, 'target' | 'maxConcurrency' | 'onEnd'> {
  readonly client: HttpClient;
  readonly identity: ServerIdentity;
  readonly clock: WaitingClock;
  /** Requests of --dataset. */
  readonly dataset: readonly DatasetEntry[] | null;
  /** Called with a line of progress. */
  readonly onProgress: (text: string) => void;
}

/** Tokens of a call that warms a server up. */
const WARMUP_TOKENS = 4;

/**
 * Sends the warm-up calls and then all requests.
 *
 * @throws ServerError for a server that does not answer the first call as a stream with usage; what `buildWorkload` throws; the
 * signal's reason.
 */
export async function benchmarkServer(args: ServingArgs, options: ServingBenchmarkOptions): Promise<ServingRun> {
  const { client, identity, signal, onProgress } = options;
  const target = { endpoint: args.endpoint, model: identity.model, timeline: args.timeline ?? false };
  const { requests, warmups } = prepareRequests(args, options);
  for (const [index, request] of warmups.entries()) {
    onProgress(`warm-up call ${index + 1} of ${warmups.length}`);
    const { fault } = readCompletion(await client.post(pathOf(target), callBody(request, target)));
    signal.throwIfAborted();
    if (fault !== null) throw new ServerError(`the first call failed: ${fault.message}`);
  }
  const onEnd = (numEnded: number) => onProgress(`${numEnded} of ${requests.length} requests have ended`);
  return await runServing(requests, { ...options, target, maxConcurrency: args['max-concurrency'], onEnd });
}

/** Makes the requests, each with a beginning of its own, and those that warm the server up. */
function prepareRequests(
  args: ServingArgs,
  { dataset, identity }: Pick<ServingBenchmarkOptions, 'dataset' | 'identity'>,
): { readonly requests: readonly TimedRequest[]; readonly warmups: readonly TimedRequest[] } {
  const vocabSize = args['vocab-size'] ?? identity.vocabSize;
  const needsIds = args['input-len'] !== undefined || dataset?.some(({ prompt }) => prompt === undefined);
  if (needsIds && vocabSize === null) {
    throw new ServerError('the server does not say how large its vocabulary is, expected --vocab-size with it');
  }
  const limits = { maxModelLen: identity.maxModelLen ?? Number.POSITIVE_INFINITY, vocabSize: vocabSize ?? 1 };
  const arrivals = buildWorkload(args, { dataset, prompts: buildPrompts(args) }, limits);
  checkArrivals(arrivals, args, { dataset, maxWaitMs: MAX_WAIT_MS });
  const run = drawSeed();
  const renew = (arrival: Arrival, index: number) =>
    args['prefix-cache'] ? arrival : makeUnique(arrival, index, { run, vocabSize: limits.vocabSize });
  const first = arrivals.slice(0, 1);
  const warmups = Array.from({ length: args.warmup }, (_, index) =>
    first.map((arrival) => makeUnique(arrival, arrivals.length + index, { run, vocabSize: limits.vocabSize })),
  );
  return {
    requests: timeRequests(args, arrivals.map(renew)),
    warmups: timeRequests(args, warmups.flat()).map(shorten),
  };
}

function shorten(request: TimedRequest): TimedRequest {
  const { sampling } = request;
  return { ...request, sampling: { ...sampling, maxTokens: Math.min(WARMUP_TOKENS, sampling.maxTokens) } };
}
