// Spans of a request's time: they follow each other from arrival to end, and name the steps that the engine recorded.
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../../src/engine/engine.ts';
import type { EngineOptions } from '../../../src/engine/engine-options.ts';
import type { StepRecord } from '../../../src/engine/observe/step-record.ts';
import { Timeline, type TimelineSpan } from '../../../src/engine/observe/timeline.ts';
import type { FinishedRequest } from '../../../src/engine/request.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { HeldRunner, TestClock, TimedRunner } from '../../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const request = (length: number, maxTokens: number, seed = 1) => ({
  promptIds: Array.from({ length }, (_, position) => 50 * seed + position),
  sampling: { maxTokens, seed, ignoreEos: true },
});

/** State and duration of a span, as `prefill 12`. */
const brief = (spans: readonly TimelineSpan[] | null) => spans?.map(({ kind, start, end }) => `${kind} ${end - start}`);

/** Spans follow each other from arrival to end. */
function checkWhole({ timeline, timings }: FinishedRequest): void {
  let end = timings.arrival;
  for (const span of timeline ?? []) {
    expect(span.start).toBe(end);
    expect(span.end).toBeGreaterThanOrEqual(end);
    end = span.end;
  }
  expect(end - timings.arrival).toBeCloseTo(timings.e2e, 9);
}

/** The steps of a request's spans are those that the engine recorded. */
function checkSteps({ timeline, requestId }: FinishedRequest, records: readonly StepRecord[]): void {
  const own = records.filter(({ rows }) => rows.some((row) => row.requestId === requestId));
  const steps = timeline?.flatMap(({ step }) => (step === null ? [] : [step]));
  expect(steps).toEqual(
    own.map(({ index, rows }) => ({
      index,
      numTokens: rows.find((row) => row.requestId === requestId)?.numTokens,
      batchSize: rows.length,
      batchTokens: rows.reduce((sum, { numTokens }) => sum + numTokens, 0),
    })),
  );
}

const STEP = { index: 0, submitted: 0, finished: 0, rows: [], admitted: [], preempted: [], numWaiting: 0 };
const row = (start: number, numTokens: number) => ({ requestId: 'r', start, numTokens, samples: true });

describe('a timeline', () => {
  test('has the wait before a step, the step, and what came after', () => {
    const timeline = new Timeline(10, 4);
    timeline.addStep({ ...STEP, submitted: 12, finished: 20, rows: [row(0, 4), row(0, 3)] }, row(0, 4));
    timeline.addStep({ ...STEP, index: 1, submitted: 25, finished: 30, rows: [row(4, 1)] }, row(4, 1));
    expect(timeline.finish(31)).toEqual([
      { kind: 'queued', start: 10, end: 12, step: null },
      { kind: 'prefill', start: 12, end: 20, step: { index: 0, numTokens: 4, batchSize: 2, batchTokens: 7 } },
      { kind: 'waiting', start: 20, end: 25, step: null },
      { kind: 'decode', start: 25, end: 30, step: { index: 1, numTokens: 1, batchSize: 1, batchTokens: 1 } },
      { kind: 'finishing', start: 30, end: 31, step: null },
    ]);
  });

  test('counts a step that overlaps the one before it from the end of that', () => {
    const timeline = new Timeline(0, 1);
    timeline.addStep({ ...STEP, submitted: 0, finished: 20, rows: [row(0, 1)] }, row(0, 1));
    timeline.addStep({ ...STEP, index: 1, submitted: 5, finished: 30, rows: [row(1, 1)] }, row(1, 1));
    expect(brief(timeline.finish(30))).toEqual(['prefill 20', 'decode 10']);
  });

  test('calls the last token of a prompt prefill, and one after it decode', () => {
    const timeline = new Timeline(0, 3);
    timeline.addStep({ ...STEP, finished: 1, rows: [row(2, 1)] }, row(2, 1));
    timeline.addStep({ ...STEP, finished: 2, rows: [row(3, 1)] }, row(3, 1));
    timeline.addStep({ ...STEP, finished: 3, rows: [row(0, 5)] }, row(0, 5));
    expect(brief(timeline.finish(3))).toEqual(['prefill 1', 'decode 1', 'prefill 1']);
  });

  test('has the time without blocks: not before the step that was running, and up to the one that is back', () => {
    const timeline = new Timeline(0, 2);
    timeline.addStep({ ...STEP, finished: 10 }, row(0, 2));
    timeline.preempt(2);
    timeline.addStep({ ...STEP, index: 1, submitted: 12, finished: 20 }, row(2, 1));
    timeline.addStep({ ...STEP, index: 5, submitted: 50, finished: 60 }, row(0, 3));
    timeline.addStep({ ...STEP, index: 6, submitted: 61, finished: 70 }, row(3, 1));
    const all = ['prefill 10', 'waiting 2', 'decode 8', 'preempted 30', 'prefill 10', 'waiting 1', 'decode 9'];
    expect(brief(timeline.finish(70))).toEqual(all);
  });

  test('of a request that ends without its blocks has that, too', () => {
    const timeline = new Timeline(0, 2);
    timeline.addStep({ ...STEP, finished: 10 }, row(0, 2));
    timeline.preempt(1);
    expect(brief(timeline.finish(45))).toEqual(['prefill 10', 'preempted 35']);
  });

  test('of a request that never started is its wait', () => {
    expect(brief(new Timeline(3, 2).finish(9))).toEqual(['queued 6']);
  });
});

describe.each([true, false])('with overlap %s', (overlap) => {
  /** Runs requests to their ends and checks the spans of each. */
  async function run(
    limits: ConstructorParameters<typeof TimedRunner>[1],
    added: readonly ReturnType<typeof request>[],
  ) {
    const runner = new TimedRunner((numTokens) => 4 + numTokens, limits);
    const records: StepRecord[] = [];
    const options: EngineOptions = {
      runner,
      tokenizer,
      clock: runner,
      overlap,
      observers: [{ onStep: (step) => records.push(step) }],
    };
    await using engine = new Engine(options);
    const handles = added.map((each, index) => engine.addRequest({ ...each, requestId: `r${index}`, timeline: true }));
    while (engine.hasUnfinished) {
      runner.wait(0.5);
      await engine.step();
    }
    const responses = await Promise.all(handles.map(({ finished }) => finished));
    for (const response of responses) {
      checkWhole(response);
      checkSteps(response, records);
    }
    return { records, responses };
  }

  test('the spans of chunks, waits and decodes add up', async () => {
    const added = [request(5, 6, 1), request(30, 3, 2), request(9, 2, 3)];
    const { responses } = await run({ maxBatchSize: 2, maxBatchTokens: 8 }, added);
    expect(responses[1]?.timeline?.filter(({ kind }) => kind === 'prefill').length).toBeGreaterThan(3);
    expect(responses[2]?.timeline?.[0]?.kind).toBe('queued');
  });

  test('so do those of preempted requests', async () => {
    const { records, responses } = await run({ maxBatchSize: 4, numBlocks: 8, blockSize: 2, maxModelLen: 16 }, [
      request(2, 13, 1),
      request(2, 13, 2),
      request(2, 13, 3),
    ]);
    for (const { requestId, preemptions, timeline } of responses) {
      expect(timeline?.filter(({ kind }) => kind === 'preempted')).toHaveLength(preemptions);
      expect(records.flatMap(({ preempted }) => preempted).filter((id) => id === requestId)).toHaveLength(preemptions);
    }
    expect(responses.some(({ preemptions }) => preemptions > 0)).toBe(true);
  });
});

test('the span of a request that is aborted while it waits is its wait, and of one with a step in flight its end', async () => {
  const runner = new HeldRunner({ maxBatchSize: 1 });
  const clock = new TestClock();
  await using engine = new Engine({ runner, tokenizer, clock });
  const [running, waiting] = [1, 2].map((seed) => engine.addRequest({ ...request(3, 5, seed), timeline: true }));
  clock.time = 4;
  await engine.step();
  clock.time = 9;
  engine.abort(running!.requestId);
  engine.abort(waiting!.requestId);
  runner.settle();
  for (const { finished } of [running!, waiting!]) {
    checkWhole(await finished);
    expect(brief((await finished).timeline)).toEqual(['queued 9']);
  }
});

test('a request has nothing of the step of an aborted one whose id it took', async () => {
  const runner = new HeldRunner();
  const clock = new TestClock();
  await using engine = new Engine({ runner, tokenizer, clock });
  engine.addRequest({ ...request(3, 5), requestId: 'same' });
  await engine.step();
  engine.abort('same');
  const renewed = engine.addRequest({ ...request(2, 1), requestId: 'same', timeline: true });
  clock.time = 10;
  runner.settle();
  await engine.step();
  clock.time = 20;
  runner.settle();
  await engine.step();
  expect((await renewed.finished).timeline?.map(({ kind, step }) => [kind, step?.index])).toEqual([
    ['queued', undefined],
    ['prefill', 1],
  ]);
  checkWhole(await renewed.finished);
});

test('a request without the wish for it has no timeline', async () => {
  const runner = new TimedRunner(() => 1);
  await using engine = new Engine({ runner, tokenizer });
  expect((await engine.generate(request(3, 2))).timeline).toBeNull();
});
