// Policies of a caller's own: they decide the order of requests, and no fault of theirs keeps a request from its end.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { AdmissionPolicy } from '../../src/scheduler/admission/admission-policy.ts';
import { PolicyError } from '../../src/scheduler/policy-error.ts';
import type { QueuePolicy } from '../../src/scheduler/queue/queue-policy.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { completion, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const requests = Array.from({ length: 6 }, (_, seed) => ({
  requestId: `r${seed}`,
  promptIds: Array.from({ length: 1 + seed }, () => seed),
  sampling: { maxTokens: 5, seed },
}));

const boom = () => {
  throw new Error('boom');
};

describe('an admission policy of the caller', () => {
  test('decides how many run at a time', async () => {
    const steps: StepRecord[] = [];
    const scheduler: AdmissionPolicy = { admits: ({ numRunning }) => numRunning < 2 };
    const options = {
      runner: talesRunner(),
      tokenizer,
      scheduler,
      observers: [{ onStep: (step: StepRecord) => void steps.push(step) }],
    };
    await using engine = new Engine(options);
    const responses = await engine.generateBatch(requests);
    expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
    expect(Math.max(...steps.map(({ rows }) => rows.length))).toBe(2);
  });

  test('with maxRunning leaves places free, and counts for the bound of the queue', async () => {
    const scheduler = { admits: () => true, maxRunning: 1 };
    await using engine = new Engine({ runner: talesRunner(), tokenizer, scheduler, maxQueuedRequests: 1 });
    const [first, second, third] = requests;
    const handles = [engine.addRequest(first!), engine.addRequest(second!)];
    expect(() => engine.addRequest(third!)).toThrow('would make 2 requests wait, expected at most 1');
    await engine.run();
    for (const { finished } of handles) expect((await finished).finishReason).toBe('length');
  });

  test('sees the state of the scheduler, keeps its own, and is called as a method', async () => {
    class Counting implements AdmissionPolicy {
      numAsked = 0;
      readonly seen: object[] = [];

      admits(
        { waiting, numRunning, maxBatchSize, numFreeBlocks, numBlocksFor }: Parameters<AdmissionPolicy['admits']>[0],
        head: object,
      ): boolean {
        this.numAsked++;
        const [next] = waiting;
        expect(next).toBe(head);
        this.seen.push({ numRunning, maxBatchSize, numFreeBlocks, blocksOf5: numBlocksFor(5) });
        return true;
      }
    }
    const scheduler = new Counting();
    const runner = talesRunner({ maxBatchSize: 3, blockSize: 4, numBlocks: 20 });
    await using engine = new Engine({ runner, tokenizer, scheduler });
    await engine.generate(requests[0]!);
    expect(scheduler.numAsked).toBe(1);
    expect(scheduler.seen).toEqual([{ numRunning: 0, maxBatchSize: 3, numFreeBlocks: 20, blocksOf5: 2 }]);
  });

  test('that never admits starves no request: they run one after another', async () => {
    const steps: StepRecord[] = [];
    const observers = [{ onStep: (step: StepRecord) => void steps.push(step) }];
    await using engine = new Engine({
      runner: talesRunner(),
      tokenizer,
      scheduler: { admits: () => false },
      observers,
    });
    const responses = await engine.generateBatch(requests);
    expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
    expect(Math.max(...steps.map(({ rows }) => rows.length))).toBe(1);
  });

  test.each<[string, () => unknown, string]>([
    ['throws', boom, 'admits() of the policy threw boom'],
    ['gives a number', () => 1, 'admits() of the policy gave 1, expected true or false'],
    ['is asynchronous', async () => true, 'admits() of the policy gave an object of class Promise'],
  ])(
    'that %s ends the requests with its error, and the next ones run when it has recovered',
    async (_, broken, error) => {
      let isBroken = true;
      const scheduler = { admits: () => (isBroken ? broken() : true) };
      // @ts-expect-error: a policy without types
      await using engine = new Engine({ runner: talesRunner(), tokenizer, scheduler });
      for (const response of await engine.generateBatch(requests)) {
        expect(response).toMatchObject({ finishReason: 'error', error: expect.stringContaining(error) });
      }
      isBroken = false;
      const responses = await engine.generateBatch(requests);
      expect(responses.map(({ ids }) => ids)).toEqual(requests.map(completion));
    },
  );

  test('that throws rejects the loop with the name of its function', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, scheduler: { admits: boom } });
    engine.addRequest(requests[0]!);
    const run = engine.run();
    await expect(run).rejects.toThrow(PolicyError);
    await expect(run).rejects.toMatchObject({ method: 'admits', cause: new Error('boom') });
  });

  test('may answer anything at any time: each request ends, with its ids or an error', async () => {
    const answers = fc.array(fc.constantFrom('yes', 'no', 'throw'), { minLength: 1, maxLength: 40 });
    const property = fc.asyncProperty(answers, fc.boolean(), async (script, overlap) => {
      let asked = 0;
      const admits = () => {
        const answer = script[asked++ % script.length];
        return answer === 'throw' ? boom() : answer === 'yes';
      };
      await using engine = new Engine({
        runner: talesRunner({ maxBatchSize: 2 }),
        tokenizer,
        overlap,
        scheduler: { admits },
      });
      const responses = await engine.generateBatch(requests);
      for (const [index, { finishReason, ids, error }] of responses.entries()) {
        if (finishReason === 'error') expect(error).toContain('boom');
        else expect(ids).toEqual(completion(requests[index]!));
      }
    });
    await fc.assert(property, { seed: 13, numRuns: 60 });
  });
});

describe('a queue policy of the caller', () => {
  test('decides which request is next', async () => {
    const starts: string[] = [];
    const longestFirst: QueuePolicy = { rank: ({ promptIds }) => -promptIds.length };
    const observers = [{ onStep: ({ admitted }: StepRecord) => void starts.push(...admitted) }];
    const runner = talesRunner({ maxBatchSize: 1 });
    await using engine = new Engine({ runner, tokenizer, queuePolicy: longestFirst, observers });
    await engine.generateBatch(requests);
    expect(starts).toEqual(['r5', 'r4', 'r3', 'r2', 'r1', 'r0']);
  });

  test.each<[string, () => unknown, string]>([
    ['throws', boom, 'rank() of the policy threw boom'],
    ['gives NaN', () => Number.NaN, 'rank() of the policy gave NaN, expected a finite number'],
    ['gives text', () => '5', 'rank() of the policy gave "5", expected a finite number'],
  ])('that %s refuses the request with its error, and costs no other', async (_, broken, error) => {
    const rank = ({ priority }: { priority: number }) => (priority === 7 ? broken() : 0);
    // @ts-expect-error: a policy without types
    await using engine = new Engine({ runner: talesRunner(), tokenizer, queuePolicy: { rank } });
    const handle = engine.addRequest(requests[0]!);
    expect(() => engine.addRequest({ ...requests[1]!, priority: 7 })).toThrow(PolicyError);
    expect(() => engine.addRequest({ ...requests[1]!, priority: 7 })).toThrow(error);
    await engine.run();
    expect((await handle.finished).ids).toEqual(completion(requests[0]!));
    expect((await engine.generate(requests[1]!)).ids).toEqual(completion(requests[1]!));
  });
});
