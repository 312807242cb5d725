// Trace events of an engine on a simulated GPU: the checks of every trace, and the events of small runs, one by one.
import { beforeAll, describe, expect, test } from 'vitest';
import type { ModelLimits } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';
import { type CompleteEvent, type TracedRun, type TraceEvent, traceEvents } from '../../src/terminal/trace-events.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { SimulatedClock, SimulatedGpu } from '../support/engine/simulated-gpu.ts';
import { checkCover, checkTrace, completeEvents, spanOf, trackNames } from '../support/engine/trace-checks.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

interface Scene extends Pick<EngineOptions, 'overlap' | 'scheduler' | 'timeKernels'> {
  readonly limits?: Partial<ModelLimits>;
  /** Milliseconds of the engine's clock at the zero of the GPU's. */
  readonly zero?: number;
  readonly requests?: readonly GenerationRequest[];
  /** With a long one, two steps are left unread. */
  readonly readbackMs?: number;
}

const prompt = (requestId: string, length: number, first = 1): GenerationRequest => ({
  requestId,
  promptIds: Array.from({ length }, (_, t) => t + first),
  sampling: { seed: 1, maxTokens: 6, ignoreEos: true },
});

const THREE = [prompt('a', 9, 1), prompt('b', 5, 20), prompt('c', 12, 40)];

/** Steps that are shorter than their readback, and enough of them for the engine to see it. */
const SHORT_STEPS: Scene = {
  readbackMs: 1e6,
  requests: [{ requestId: 'a', promptIds: [1, 2, 3], sampling: { seed: 1, maxTokens: 16, ignoreEos: true } }],
};

/** Records of an engine that ran some requests on a simulated GPU. */
async function record({
  limits,
  zero = 123.4,
  requests = THREE,
  readbackMs,
  ...options
}: Scene = {}): Promise<TracedRun> {
  const clock = new SimulatedClock();
  const runner = new SimulatedGpu(clock, zero, limits);
  runner.readbackMs = readbackMs;
  const [steps, finished]: [StepRecord[], FinishedRequest[]] = [[], []];
  await using engine = new Engine({
    ...{ runner, tokenizer, clock, timeline: true, timeKernels: true, ...options },
    observers: [{ onStep: (step) => steps.push(step), onFinish: (request) => finished.push(request) }],
  });
  await engine.generateBatch(requests);
  return { name: 'run', steps, requests: finished };
}

const eventsOf = (...runs: readonly TracedRun[]): TraceEvent[] => [...traceEvents(runs)];
const ofKind = (events: readonly TraceEvent[], cat: CompleteEvent['cat']) =>
  completeEvents(events).filter((event) => event.cat === cat);

const SCENES: readonly (readonly [string, Scene])[] = [
  ['with overlap', {}],
  ['with two steps unread', SHORT_STEPS],
  ['without overlap', { overlap: false }],
  ['one by one', { scheduler: 'naive' }],
  ['in chunks', { limits: { maxBatchTokens: 7 } }],
  ['in a pool that runs dry', { limits: { numBlocks: 6 } }],
  ['with a GPU clock far ahead', { zero: -5e8 }],
  ['with a GPU clock that started later', { zero: 1700 }],
];

describe.each(SCENES)('a trace of requests that ran %s', (_, scene) => {
  test('can be drawn: events of a track nest or are apart, and every track has a name', async () => {
    checkTrace(eventsOf(await record(scene)));
  });

  test('covers: kernels lie within their step, and the spans of a request add up to it', async () => {
    const run = await record(scene);
    const events = eventsOf(run);
    checkCover(events);
    expect(ofKind(events, 'step')).toHaveLength(run.steps.length);
    expect(ofKind(events, 'kernel')).toHaveLength(4 * run.steps.length);
    for (const { timings, timeline } of run.requests) {
      const sum = timeline!.reduce((total, { start, end }) => total + end - start, 0);
      expect(sum).toBeCloseTo(timings.e2e, 6);
    }
  });

  test('keeps the durations and the order of the kernels', async () => {
    const kernels = ofKind(eventsOf(await record(scene)), 'kernel');
    for (const [i, kernel] of kernels.entries()) {
      // Two roundings to the nanosecond, and the clocks' own in float64.
      expect(Math.abs(kernel.dur - 1500)).toBeLessThanOrEqual(0.002);
      if (i > 0) expect(kernel.ts).toBeGreaterThan(kernels[i - 1]!.ts);
    }
  });

  test('has in its steps and in its requests the same tokens', async () => {
    const events = eventsOf(await record(scene));
    const sum = (values: readonly unknown[]) => values.reduce<number>((total, value) => total + Number(value), 0);
    const ofSteps = sum(ofKind(events, 'step').map(({ args }) => args.tokens));
    const ofRequests = sum(ofKind(events, 'request').map(({ args }) => args.numTokens ?? 0));
    expect(ofRequests).toBe(ofSteps);
  });
});

test('tracks are steps, steps submitted meanwhile, kernels, and one a request; their numbers are in the args', async () => {
  const events = eventsOf(await record({ limits: { numBlocks: 6 } }));
  expect([...trackNames(events).values()].slice(0, 5)).toEqual([
    'steps',
    'steps submitted meanwhile',
    'steps submitted meanwhile, two unread',
    'kernels (GPU)',
    expect.stringMatching(/^request [abc]$/),
  ]);
  const [first] = ofKind(events, 'step');
  expect(first).toMatchObject({ ts: 0, name: 'prefill', pid: 1, tid: 1 });
  expect(first!.args).toMatchObject({ index: 0, admitted: ['a', 'b'], preempted: [], waiting: 1, batchSize: 2 });
  expect(first!.args).toMatchObject({ tokens: 14, requests: ['a', 'b'], gpuMs: 4 * 1.5 + 3 * 0.125 });
  const preempted = ofKind(events, 'step').flatMap(({ args }) => args.preempted);
  const wholes = ofKind(events, 'request').filter(({ name }) => name.startsWith('request'));
  expect(preempted).not.toEqual([]);
  expect(wholes.reduce((sum, { args }) => sum + Number(args.preemptions), 0)).toBe(preempted.length);
  expect(wholes.map(({ args }) => args)).toContainEqual(
    expect.objectContaining({ promptTokens: 9, completionTokens: 6, finishReason: 'length', seed: 1 }),
  );
  const [embed, matmul] = ofKind(events, 'kernel');
  expect(embed).toMatchObject({ name: 'embed', args: { step: 0, variant: 'embed[LANES=64]', sizes: { M: 14 } } });
  expect(matmul!.name).toBe('matmul');
});

test('a step that is submitted while another runs goes to the second track, and while two run to the third', async () => {
  const overlapping = ofKind(eventsOf(await record()), 'step');
  expect(new Set(overlapping.map(({ tid }) => tid))).toEqual(new Set([1, 2]));
  const ofShort = ofKind(eventsOf(await record(SHORT_STEPS)), 'step');
  expect(new Set(ofShort.map(({ tid }) => tid))).toEqual(new Set([1, 2, 3]));
  const alone = ofKind(eventsOf(await record({ overlap: false })), 'step');
  expect(new Set(alone.map(({ tid }) => tid))).toEqual(new Set([1]));
});

test('a prefix-cache hit is among the args of its request', async () => {
  const { requests, ...rest } = await record({ scheduler: 'naive', requests: [prompt('a', 12), prompt('b', 12)] });
  const events = eventsOf({ requests, ...rest });
  const wholes = ofKind(events, 'request').filter(({ args }) => 'cachedTokens' in args);
  expect(wholes.map(({ args }) => [args.cachedTokens, args.cacheMiss])).toEqual([
    [0, 'new'],
    [8, 'short'],
  ]);
});

test('the last token of a prompt is no decode, though it is one token', async () => {
  const requests = [prompt('a', 9), prompt('b', 9)];
  const events = eventsOf(await record({ scheduler: 'naive', requests }));
  const kinds = ofKind(events, 'step').map(({ name, args }) => [name, args.tokens]);
  const decodes = Array(5).fill(['decode', 1]);
  expect(kinds).toEqual([['prefill', 9], ...decodes, ['prefill', 1], ...decodes]);
});

test('runs are processes on one clock that begins with the first of them', async () => {
  const [first, second] = [await record(), await record()];
  const events = eventsOf({ ...first, name: 'one' }, { ...second, name: 'two' });
  checkTrace(events);
  checkCover(events);
  const names = events.filter((event) => event.name === 'process_name');
  expect(names.map(({ pid, args }) => [pid, args])).toEqual([
    [1, { name: 'one' }],
    [2, { name: 'two' }],
  ]);
  expect(Math.min(...completeEvents(events).map(({ ts }) => ts))).toBe(0);
});

test('without timed kernels or timelines there are steps and requests all the same', async () => {
  const run = await record({ timeKernels: false });
  const plain = { ...run, requests: run.requests.map((request) => ({ ...request, timeline: null })) };
  const events = eventsOf(plain);
  expect(ofKind(events, 'kernel')).toEqual([]);
  expect(ofKind(events, 'step')[0]!.args).not.toHaveProperty('gpuMs');
  expect(
    ofKind(events, 'request')
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['request a', 'request b', 'request c']);
  const [request] = ofKind(events, 'request');
  expect(spanOf(request!).end - spanOf(request!).start).toBe(Math.round(1e6 * plain.requests[0]!.timings.e2e));
});

test('nothing traced is no event', () => {
  expect(eventsOf()).toEqual([]);
  checkTrace(eventsOf({ name: 'idle', steps: [], requests: [] }));
});

describe('the checks of a trace find', () => {
  const shift = (event: CompleteEvent, us: number): CompleteEvent => ({ ...event, ts: event.ts + us });
  const change = (events: readonly TraceEvent[], cat: string, to: (event: CompleteEvent) => CompleteEvent) => {
    let isDone = false;
    return events.map((event) => {
      if (isDone || event.ph !== 'X' || event.cat !== cat || event.ts === 0) return event;
      isDone = true;
      return to(event);
    });
  };

  test('a kernel outside its step, a gap in a request, events that cross and a track without a name', async () => {
    const events = eventsOf(await record());
    expect(() => checkCover(change(events, 'kernel', (event) => shift(event, 1e5)))).toThrow('outside its step');
    expect(() => checkCover(change(events, 'request', (event) => shift(event, 1)))).toThrow('gap');
    expect(() => checkTrace(change(events, 'kernel', (event) => shift(event, 1000)))).toThrow('crosses');
    expect(() => checkTrace(events.filter(({ ph }) => ph === 'X'))).toThrow('has no name');
  });
});
