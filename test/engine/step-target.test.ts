// Steps of about `maxStepMs` milliseconds, and the record of each.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { StepTarget } from '../../src/engine/step-target.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { fakeCompletion } from '../support/engine/fake-runner.ts';
import { TimedRunner, talesRunner, VOCAB } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

describe('a step target', () => {
  test('scales the tokens of a full step by target / time', () => {
    const target = new StepTarget(10);
    const first = target.tokens;
    target.observe(first, 8);
    expect(target.tokens).toBe(Math.floor((first * 10) / 8));
    const second = target.tokens;
    target.observe(second, 12.5);
    expect(target.tokens).toBe(Math.floor((second * 10) / 12.5));
  });

  test('at most doubles or halves at a time, and never asks for fewer than 8', () => {
    const target = new StepTarget(10);
    const first = target.tokens;
    target.observe(first, 0.001);
    expect(target.tokens).toBe(2 * first);
    target.observe(2 * first, 1e6);
    expect(target.tokens).toBe(first);
    for (let n = 0; n < 9; n++) target.observe(target.tokens, 1e6);
    expect(target.tokens).toBe(8);
    // A step may take no time at all by a coarse clock.
    target.observe(8, 0);
    expect(target.tokens).toBe(16);
  });

  test('learns nothing from a quick step that was not full, but something from a slow one', () => {
    const target = new StepTarget(10);
    const first = target.tokens;
    target.observe(first - 1, 1);
    expect(target.tokens).toBe(first);
    target.observe(first - 1, 11);
    expect(target.tokens).toBe(Math.floor(((first - 1) * 10) / 11));
  });

  // With T tokens a step takes a + b·T. A target that has settled at T has ⌊T · M / (a + b·T)⌋ = T, which is
  // a + b·T ≤ M < (a + b·T) · (1 + 1/T). The way there shrinks by 1 − b·T/M a step, at most 0.75 here.
  test('settles where one more token by its own rule would be too slow, whatever a token and a step cost', () => {
    const costs = fc.record({
      milliseconds: fc.double({ min: 1, max: 500, noNaN: true }),
      share: fc.double({ min: 0, max: 0.75, noNaN: true }),
      tokens: fc.integer({ min: 8, max: 2000 }),
    });
    const property = fc.property(costs, ({ milliseconds, share, tokens }) => {
      const fixed = share * milliseconds;
      const perToken = (milliseconds - fixed) / (tokens + 0.5);
      const target = new StepTarget(milliseconds);
      for (let n = 0; n < 100; n++) target.observe(target.tokens, fixed + perToken * target.tokens);
      const time = fixed + perToken * target.tokens;
      expect(time).toBeLessThanOrEqual(milliseconds);
      expect(time * (1 + 1 / target.tokens)).toBeGreaterThan(milliseconds);
    });
    fc.assert(property, { seed: 5, numRuns: 500 });
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('of %s milliseconds is refused', (maxStepMs) => {
    expect(() => new Engine({ runner: talesRunner(), tokenizer, maxStepMs })).toThrow(
      `maxStepMs is ${maxStepMs}, expected a number > 0`,
    );
  });
});

const LONG = 900;
const decoders = [1, 2, 3, 4, 5, 6, 7].map((seed) => ({
  requestId: `decoder ${seed}`,
  promptIds: [seed, 2, 3],
  sampling: { maxTokens: 60, seed, ignoreEos: true },
}));
const long = {
  requestId: 'long',
  promptIds: Array.from({ length: LONG }, (_, position) => 1000 + position),
  sampling: { maxTokens: 2, seed: 9, ignoreEos: true },
};

/** Seven requests that decode, and one with a long prompt that arrives later. */
async function runBeside(maxStepMs: number | undefined, overlap: boolean) {
  const limits = { maxBatchSize: 8, maxBatchTokens: 1024, maxModelLen: 1024, numBlocks: 256, blockSize: 16 };
  const runner = new TimedRunner((numTokens) => 5 + 0.5 * numTokens, limits);
  const steps: StepRecord[] = [];
  await using engine = new Engine({
    ...{ runner, tokenizer, clock: runner, overlap, maxStepMs },
    observers: [{ onStep: (step) => steps.push(step) }],
  });
  const handles = decoders.map((each) => engine.addRequest(each));
  for (let turn = 0; turn < 10; turn++) await engine.step();
  handles.push(engine.addRequest(long));
  await engine.run();
  return { steps, plans: runner.plans, responses: await Promise.all(handles.map(({ finished }) => finished)) };
}

describe.each([true, false])('an engine with maxStepMs, overlap %s,', (overlap) => {
  test('cuts a long prompt so that steps stay below it, and decoding rows are in all of them', async () => {
    // 7 decoding rows and a chunk of up to 23 tokens take 20 ms.
    const { steps, responses } = await runBeside(20, overlap);
    const beside = steps.filter(({ rows }) => rows.some(({ requestId }) => requestId === 'long'));
    expect(beside.length).toBeGreaterThan(LONG / 23);
    for (const { rows } of beside.slice(0, LONG / 23)) {
      expect(rows.map(({ requestId }) => requestId).slice(0, 7)).toEqual(decoders.map(({ requestId }) => requestId));
    }
    const times = steps.map(
      ({ submitted, finished }, i) => finished - Math.max(submitted, steps[i - 1]?.finished ?? 0),
    );
    // The first steps are of 16 tokens and of prompts; the target has settled when the long one arrives.
    for (const time of times.slice(10)) expect(time).toBeLessThanOrEqual(20);
    // Most steps with a piece of the long prompt take nearly the target time.
    const whole = beside.slice(5, LONG / 23).map(({ index }) => times[index] ?? 0);
    for (const time of whole) expect(time).toBeGreaterThan(18);
    expect(responses.map(({ ids }) => ids)).toEqual([...decoders, long].map((each) => alone(each)));
  });

  test('keeps decoding rows where they alone take too long, and prompts get on', async () => {
    const { steps, responses } = await runBeside(3, overlap);
    const beside = steps.filter(({ rows }) => rows.some(({ requestId }) => requestId === 'long'));
    const decoding = beside.filter(({ rows }) => rows.length > 1);
    for (const { rows } of decoding) expect(rows.at(-1)?.numTokens).toBeLessThanOrEqual(8);
    for (const { rows } of decoding.slice(0, 40)) expect(rows).toHaveLength(8);
    expect(responses.map(({ ids }) => ids)).toEqual([...decoders, long].map((each) => alone(each)));
  });

  test('and without it the long prompt is one step', async () => {
    const { steps } = await runBeside(undefined, overlap);
    expect(steps.some(({ rows }) => rows.some(({ numTokens }) => numTokens === LONG))).toBe(true);
  });
});

test('the records of steps agree with the plans of the runner and with the results of requests', async () => {
  const runner = new TimedRunner((numTokens) => 1 + numTokens, { numBlocks: 12, blockSize: 2, maxModelLen: 24 });
  const steps: StepRecord[] = [];
  const onStep = (step: StepRecord) => steps.push(step);
  await using engine = new Engine({
    runner,
    tokenizer,
    clock: runner,
    overlap: false,
    observers: [{ onStep }],
    maxStepMs: 9,
  });
  const requests = Array.from({ length: 9 }, (_, seed) => ({
    requestId: `r${seed}`,
    promptIds: Array.from({ length: 1 + ((3 * seed) % 9) }, (_, position) => 100 * seed + position),
    sampling: { maxTokens: 8, seed, ignoreEos: true },
  }));
  await engine.generateBatch(requests);

  expect(steps.map(({ index }) => index)).toEqual([...steps.keys()]);
  expect(steps).toHaveLength(runner.plans.length);
  const running = new Set<string>();
  const ended = new Set<string>();
  for (const [index, { rows, admitted, preempted, numWaiting, submitted, finished }] of steps.entries()) {
    const plan = runner.plans[index]!;
    const starts = Array.from(plan.queryStartLoc.subarray(0, -1), (token) => plan.positions[token]!);
    const lengths = starts.map((_, s) => plan.queryStartLoc[s + 1]! - plan.queryStartLoc[s]!);
    const inOrder = (list: readonly (readonly number[])[]) => list.map(String).sort();
    expect(inOrder(rows.map((row) => [row.start, row.numTokens]))).toEqual(
      inOrder(starts.map((start, s) => [start, lengths[s]!])),
    );
    expect(rows.filter(({ samples }) => samples)).toHaveLength(plan.samplingRows.length);
    expect(finished - submitted).toBe(1 + plan.numTokens);

    for (const id of preempted) running.delete(id);
    for (const id of admitted) running.add(id);
    for (const { requestId } of rows) expect(running).toContain(requestId);
    expect(numWaiting).toBe(requests.length - ended.size - running.size);
    // Without overlap no row is wasted, so the last row of a request is its end.
    for (const { requestId } of rows) {
      if (steps.slice(index + 1).some((step) => step.rows.some((row) => row.requestId === requestId))) continue;
      running.delete(requestId);
      ended.add(requestId);
    }
  }
  expect(ended.size).toBe(requests.length);
  expect(steps.flatMap(({ preempted }) => preempted).length).toBeGreaterThan(0);
});

/** Ids of a request that passes over its eos, when nothing else runs. */
function alone({ promptIds, sampling: { seed, maxTokens } }: typeof long): number[] {
  return fakeCompletion({ promptIds, seed, maxTokens, vocabSize: VOCAB });
}
