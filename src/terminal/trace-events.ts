// Records of steps and requests as events of the Chrome trace format: a process per engine, with tracks of its
// steps, its kernels and each of its requests.
import type { StepKernel } from '../core/runner.ts';
import { isTimed, placeKernels } from '../engine/observe/gpu-clock.ts';
import type { StepRecord } from '../engine/observe/step-record.ts';
import type { FinishedRequest } from '../engine/request.ts';

/** Steps and requests of one engine: a process of the trace. */
export interface TracedRun {
  /** Name of the process. */
  readonly name: string;
  readonly steps: readonly StepRecord[];
  readonly requests: readonly FinishedRequest[];
}

interface Place {
  /** Number of the run, from 1. */
  readonly pid: number;
  /** Number of the track in the run. */
  readonly tid: number;
}

/** Span of time of the Trace Event Format: `ts` and `dur` in microseconds, to the nanosecond. */
export interface CompleteEvent extends Place {
  readonly ph: 'X';
  readonly name: string;
  readonly cat: 'step' | 'kernel' | 'request';
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Name and place of a process or a track in a viewer. */
export interface MetadataEvent extends Place {
  readonly ph: 'M';
  readonly name: 'process_name' | 'process_sort_index' | 'thread_name' | 'thread_sort_index';
  readonly args: { readonly name: string } | { readonly sort_index: number };
}

/** One event of the Chrome trace format. */
export type TraceEvent = CompleteEvent | MetadataEvent;

const NS_PER_MS = 1e6;
const NS_PER_US = 1000;
/** Tracks of a run before those of its requests. A step goes to the first track whose last step has ended. */
const STEPS = [
  { tid: 1, name: 'steps' },
  { tid: 2, name: 'steps submitted meanwhile' },
  { tid: 3, name: 'steps submitted meanwhile, two unread' },
] as const;
const KERNELS = { tid: 4, name: 'kernels (GPU)' } as const;
const FIRST_REQUEST = 5;

/**
 * Yields the events of runs for Perfetto and chrome://tracing: steps from their submit to their result, kernels, and
 * requests with the spans of their timelines. Time counts from the first event.
 */
export function* traceEvents(runs: readonly TracedRun[]): Generator<TraceEvent> {
  const zero = runs.reduce((first, run) => Math.min(first, startOf(run)), Number.POSITIVE_INFINITY);
  for (const [index, run] of runs.entries()) yield* runEvents(run, index + 1, zero);
}

function startOf({ steps, requests }: TracedRun): number {
  const first = requests.reduce((least, { timings }) => Math.min(least, timings.arrival), Number.POSITIVE_INFINITY);
  return Math.min(first, steps[0]?.submitted ?? first);
}

function* runEvents({ name, steps, requests }: TracedRun, pid: number, zero: number): Generator<TraceEvent> {
  yield { ph: 'M', pid, tid: 0, name: 'process_name', args: { name } };
  yield { ph: 'M', pid, tid: 0, name: 'process_sort_index', args: { sort_index: pid } };
  for (const track of [...STEPS, KERNELS]) yield* trackEvents(pid, track.tid, track.name);
  for (const [i, { requestId }] of requests.entries()) {
    yield* trackEvents(pid, FIRST_REQUEST + i, `request ${requestId}`);
  }

  /** Makes a span from `start` to `end`, in milliseconds of the engine's clock. */
  function complete(
    tid: number,
    cat: CompleteEvent['cat'],
    name: string,
    { start, end }: { readonly start: number; readonly end: number },
    args: CompleteEvent['args'],
  ): CompleteEvent {
    // Rounded before subtracting, so that spans that touch on the engine's clock touch here.
    const [from, to] = [start, end].map((time) => Math.round((time - zero) * NS_PER_MS));
    return { ph: 'X', pid, tid, cat, name, ts: from! / NS_PER_US, dur: (to! - from!) / NS_PER_US, args };
  }

  const promptTokens = new Map(requests.map((request) => [request.requestId, request.promptTokens]));
  const free = STEPS.map(() => Number.NEGATIVE_INFINITY);
  for (const step of steps) {
    const { submitted: start, finished: end } = step;
    const index = free.findIndex((time) => start >= time);
    const track = index < 0 ? STEPS.length - 1 : index;
    free[track] = end;
    yield complete(STEPS[track]!.tid, 'step', kindOf(step, promptTokens), { start, end }, stepArgs(step));
  }
  const timed = steps.filter(isTimed);
  for (const [s, spans] of placeKernels(timed).entries()) {
    const { index, times } = timed[s]!;
    for (const [k, kernel] of times.kernels.entries()) {
      yield complete(KERNELS.tid, 'kernel', nameOf(kernel), spans[k]!, {
        step: index,
        variant: kernel.label,
        sizes: kernel.dims,
      });
    }
  }
  for (const [i, request] of requests.entries()) {
    const { requestId, timings, timeline } = request;
    const tid = FIRST_REQUEST + i;
    const end = timeline?.at(-1)?.end ?? timings.arrival + timings.e2e;
    yield complete(tid, 'request', `request ${requestId}`, { start: timings.arrival, end }, requestArgs(request));
    for (const span of timeline ?? []) yield complete(tid, 'request', span.kind, span, { ...span.step });
  }
}

function* trackEvents(pid: number, tid: number, name: string): Generator<MetadataEvent> {
  yield { ph: 'M', pid, tid, name: 'thread_name', args: { name } };
  yield { ph: 'M', pid, tid, name: 'thread_sort_index', args: { sort_index: tid } };
}

/** Names a step by its rows: a row decodes if it has a single token, after its prompt (when its length is known). */
function kindOf({ rows }: StepRecord, promptTokens: ReadonlyMap<string, number>): string {
  const decodes = rows.filter(
    ({ requestId, start, numTokens }) => numTokens === 1 && start >= (promptTokens.get(requestId) ?? 0),
  );
  const numDecodes = decodes.length;
  if (numDecodes === rows.length) return 'decode';
  return numDecodes === 0 ? 'prefill' : 'prefill and decode';
}

function stepArgs({ index, rows, admitted, preempted, numWaiting, times }: StepRecord): CompleteEvent['args'] {
  return {
    index,
    tokens: rows.reduce((sum, { numTokens }) => sum + numTokens, 0),
    batchSize: rows.length,
    requests: rows.map(({ requestId }) => requestId),
    admitted,
    preempted,
    waiting: numWaiting,
    ...(times && { gpuMs: times.nanoseconds / NS_PER_MS }),
  };
}

/** Strips the variant from the label. */
function nameOf({ label }: StepKernel): string {
  return label.split('[', 1)[0] ?? label;
}

function requestArgs(request: FinishedRequest): CompleteEvent['args'] {
  const { promptTokens, cachedTokens, cacheMiss, preemptions, recomputedTokens, ids } = request;
  const { finishReason, error, seed, timings } = request;
  const { ttft, tpot } = timings;
  return {
    promptTokens,
    cachedTokens,
    cacheMiss,
    completionTokens: ids.length,
    preemptions,
    recomputedTokens,
    finishReason,
    ...(error !== null && { error }),
    seed,
    ttftMs: ttft,
    tpotMs: tpot,
  };
}
