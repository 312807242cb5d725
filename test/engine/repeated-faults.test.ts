// Faults of a runner that repeat: the next 1, 2, 3 or all steps fail, in each way that a runner can.
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { StepResult } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { completion, FaultyRunner, VOCAB } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** A step with a result that no typed runner can give. */
const instead = (value: unknown) => async (): Promise<StepResult> => {
  // @ts-expect-error: what a runner without types may give
  return value;
};
/** The result of a step with `id` for all of its ids. */
const withIds = (id: unknown) => (result: StepResult) =>
  instead({ ...result, ids: Array(result.ids.length).fill(id) })();

const faults: readonly (readonly [string, (result: StepResult) => Promise<StepResult>, RegExp])[] = [
  ['is rejected', () => Promise.reject(new Error('no luck')), /^no luck$/],
  [
    'is refused at once',
    () => {
      throw new Error('no luck');
    },
    /^no luck$/,
  ],
  ['is rejected with nothing', () => Promise.reject(undefined), /^undefined$/],
  ['is rejected with an error without words', () => Promise.reject(new Error('')), /^an object of class Error$/],
  ['is rejected with an object that has no text', () => Promise.reject(Object.create(null)), /^an object$/],
  ['is rejected with many lines', () => Promise.reject(new Error(`a\n${'b'.repeat(5000)}`)), /^a b{498}…$/],
  ['gives nothing', instead(undefined), /^runner gave undefined, expected a StepResult$/],
  ['gives text', instead('done'), /^runner gave "done", expected a StepResult$/],
  ['gives an empty object', instead({}), /^runner gave 0 ids and 0 finite flags, expected \d of each$/],
  ['gives ids that are no list', instead({ ids: 5, finite: 5 }), /^runner gave 0 ids and 0 finite flags/],
  ['gives too many ids', ({ finite }) => instead({ ids: new Int32Array(9), finite })(), /^runner gave 9 ids and/],
  [
    'gives an id beyond the vocabulary',
    withIds(VOCAB),
    /^runner gave id 8192 of row 0, expected an integer in \[0, 8192\)$/,
  ],
  ['gives an id below 0', withIds(-1), /^runner gave id -1 of row 0/],
  ['gives NaN', withIds(Number.NaN), /^runner gave id NaN of row 0/],
  ['gives a part of an id', withIds(0.5), /^runner gave id 0.5 of row 0/],
  ['gives a text for an id', withIds('7'), /^runner gave id "7" of row 0/],
  [
    'gives flags that are neither 0 nor 1',
    ({ ids }) => instead({ ids, finite: Array(ids.length).fill(false) })(),
    /^runner gave finite flag false of row 0, expected 0 or 1$/,
  ],
];

const settings = schedulerNames.flatMap((scheduler) =>
  ([0, 1, 2] as const).flatMap((numLeft) => [true, false].map((prefixCache) => ({ scheduler, numLeft, prefixCache }))),
);
const FIRST_FAULT = 2;
const NUM_REQUESTS = 7;

// Prompts that begin alike share blocks of 4 tokens, so that a failure affects other requests, too.
const requests = Array.from({ length: NUM_REQUESTS }, (_, seed) => ({
  promptIds: [1, 2, 3, 4, 5, 6, 7, 8, seed % 3],
  sampling: { maxTokens: 4 + seed, seed },
}));

describe.each(settings)('$scheduler, $numLeft left unread, prefix cache $prefixCache', ({ numLeft, ...options }) => {
  beforeEach(() => {
    vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(numLeft);
  });

  test.each([1, 2, 3, Number.POSITIVE_INFINITY])(
    'when %d steps in a row fail, each ends all of its requests and no others, whatever the fault',
    async (numFaults) => {
      for (const [name, fault, message] of faults) {
        const isFaulty = (step: number) => step >= FIRST_FAULT && step < FIRST_FAULT + numFaults;
        const runner = new FaultyRunner(isFaulty, fault, { maxBatchSize: 2 });
        await using engine = new Engine({ runner, tokenizer, ...options });
        const concerned = new Set<number>();
        const responses = await engine.generateBatch(requests);
        const numSteps = runner.plans.length;
        for (const { samplingRows } of runner.plans.filter((_, step) => isFaulty(step))) {
          for (const { seed } of samplingRows) concerned.add(seed);
        }
        for (const [seed, { finishReason, error, ids }] of responses.entries()) {
          const whole = completion(requests[seed]!);
          if (finishReason === 'length') expect(ids, name).toEqual(whole);
          else {
            expect(error, name).toMatch(message);
            expect(concerned, name).toContain(seed);
            expect(ids, name).toEqual(whole.slice(0, ids.length));
          }
        }
        const numFailed = responses.filter(({ finishReason }) => finishReason === 'error').length;
        expect(numFailed, name).toBeGreaterThan(0);
        // A step that fails ends at least one request, or had been submitted when one that ended some failed.
        if (numFaults === Number.POSITIVE_INFINITY) {
          expect(numFailed, name).toBe(NUM_REQUESTS);
          expect(numSteps, name).toBeLessThanOrEqual(FIRST_FAULT + (1 + numLeft) * NUM_REQUESTS);
        }
        await engine.run();
        expect(engine.hasUnfinished, name).toBe(false);
      }
    },
  );
});

test('three requests and a batch of one: a runner that rejects every step ends each with the first step that has it', async () => {
  const runner = new FaultyRunner(
    () => true,
    () => Promise.reject(new Error('no luck')),
    { maxBatchSize: 1 },
  );
  await using engine = new Engine({ runner, tokenizer });
  const responses = await engine.generateBatch(requests.slice(0, 3));
  expect(responses.map(({ error }) => error)).toEqual(['no luck', 'no luck', 'no luck']);
  expect(runner.plans.length).toBeLessThanOrEqual(6);
});
