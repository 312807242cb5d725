// Benchmark of a server: who it is, requests that are new to it, calls to warm it up, and the run.
import { count } from '../../src/util/count.ts';
import { drawSeed } from '../../src/util/rng.ts';
import type { DatasetEntry } from '../load/dataset.ts';
import { buildPrompts, buildWarmup, type TimedRequest, timeRequests } from '../load/requests.ts';
import { sendWhenDue } from '../load/send-when-due.ts';
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

/**
 * Sends the warm-up calls and then all requests.
 *
 * @throws ServerError for a server that does not answer a warm-up call as a stream with usage; what `buildWorkload` throws; the
 * signal's reason.
 */
export async function benchmarkServer(args: ServingArgs, options: ServingBenchmarkOptions): Promise<ServingRun> {
  const { identity, onProgress } = options;
  const { 'max-concurrency': maxConcurrency } = args;
  const target = { endpoint: args.endpoint, model: identity.model, timeline: args.timeline ?? false };
  const { requests, warmups } = prepareRequests(args, options);
  onProgress(`${count(warmups.length, 'call')} to warm the server up`);
  await warmUpServer(warmups, { ...options, target, maxConcurrency });
  const onEnd = (numEnded: number) => onProgress(`${numEnded} of ${requests.length} requests have ended`);
  return await runServing(requests, { ...options, target, maxConcurrency, onEnd });
}

/** Sends short calls: one alone, which shows whether the server answers at all, then the others at once, of which it may refuse some. */
async function warmUpServer(
  requests: readonly TimedRequest[],
  { client, clock, signal, target, maxConcurrency }: Omit<ServingOptions, 'onEnd' | 'onInterrupted'>,
): Promise<void> {
  const call = async (request: TimedRequest, mayBeRefused: boolean) => {
    const { fault } = readCompletion(await client.post(pathOf(target), callBody(request, target)));
    signal.throwIfAborted();
    if (fault === null || (fault.isRefusal && mayBeRefused)) return;
    throw new ServerError(`a call to warm the server up failed: ${fault.message}`);
  };
  for (const request of requests.slice(0, 1)) await call(request, false);
  const send = (request: TimedRequest) => call(request, true);
  await sendWhenDue(requests.slice(1), { start: clock.now(), clock, signal, maxConcurrency, send });
  signal.throwIfAborted();
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
  const warmups = Array.from({ length: args.warmup }, (_, index) => {
    const arrival = arrivals[index % arrivals.length]!;
    return makeUnique(arrival, arrivals.length + index, { run, vocabSize: limits.vocabSize });
  });
  return {
    requests: timeRequests(args, arrivals.map(renew)),
    warmups: buildWarmup(timeRequests(args, warmups)).map((request) => ({ ...request, due: 0 })),
  };
}
