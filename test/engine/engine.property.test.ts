import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Detokenizer } from '../../src/engine/detokenizer.ts';
import { Engine } from '../../src/engine/engine.ts';
import { UnknownRequestError } from '../../src/engine/errors.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import type { TextStream } from '../../src/engine/text-stream.ts';
import { Tokenizer } from '../../src/engine/tokenizer.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { completion, FaultyRunner, VOCAB } from './test-runners.ts';

// 12 + 10 tokens at most, so that 22 tokens of blocks and of context hold any single request.
const LONGEST = 22;

const request = fc.record({
  promptIds: fc.array(fc.nat(VOCAB - 1), { minLength: 1, maxLength: 12 }),
  maxTokens: fc.integer({ min: 1, max: 10 }),
  arrival: fc.nat(8),
  abortAt: fc.option(fc.nat(25), { freq: 3 }),
  brokenAt: fc.option(fc.nat(LONGEST), { freq: 3 }),
  isStream: fc.boolean(),
});

const setting = fc.record({
  scheduler: fc.constantFrom(...schedulerNames),
  overlap: fc.boolean(),
  maxBatchSize: fc.integer({ min: 1, max: 5 }),
  blockSize: fc.integer({ min: 1, max: 5 }),
  spareBlocks: fc.nat(4),
  failAt: fc.option(fc.nat(15), { freq: 3 }),
  closeAt: fc.option(fc.nat(30), { freq: 2 }),
  requests: fc.array(request, { minLength: 1, maxLength: 9, size: '+1' }),
});

/** What a request came to, and what was seen of it on the way. */
interface Outcome {
  readonly seed: number;
  readonly response: FinishedRequest;
  readonly streamed?: { readonly ids: number[]; readonly text: string };
}

/** Aborts a request that may have ended. */
function abortIfLive(engine: Engine, requestId: string): void {
  try {
    engine.abort(requestId);
  } catch (error) {
    expect(error).toBeInstanceOf(UnknownRequestError);
  }
}

/** Reads a stream to its end, whether it ends well or not. */
async function read(stream: TextStream, seed: number): Promise<Outcome> {
  const ids: number[] = [];
  const texts: string[] = [];
  try {
    for await (const { id, text } of stream) {
      ids.push(id);
      texts.push(text);
    }
  } catch (error) {
    expect(error).toMatchObject({ name: 'RequestFailedError', requestId: `r${seed}` });
  }
  return { seed, response: (await stream.return()).value, streamed: { ids, text: texts.join('') } };
}

test('whatever arrives, aborts, breaks, fails or closes: one end each, the right ids, text and stamps', async () => {
  const tokenizer = await Tokenizer.load('weights/tales');
  const ends: Record<string, number> = { length: 0, stop: 0, abort: 0, error: 0 };

  const property = fc.asyncProperty(setting, async ({ requests, ...fields }) => {
    const { scheduler, overlap, maxBatchSize, blockSize, spareBlocks, failAt, closeAt } = fields;
    const runner = new FaultyRunner(failAt, () => Promise.reject(new Error('step failed')), {
      maxBatchSize,
      maxModelLen: LONGEST,
      maxBatchTokens: LONGEST,
      blockSize,
      numBlocks: Math.ceil(LONGEST / blockSize) + spareBlocks,
    });
    runner.isBroken = ({ seed, position }) => position === requests[seed]?.brokenAt;
    const engine = new Engine({ runner, tokenizer, scheduler, overlap });

    // Streams start the loop; turns by hand come in between.
    const outcomes: Promise<Outcome>[] = [];
    for (let turn = 0; turn !== closeAt && (turn <= 8 || engine.hasUnfinished); turn++) {
      if (turn > 2000) throw new Error('no end in 2000 turns');
      for (const [seed, { promptIds, maxTokens, arrival, abortAt, isStream }] of requests.entries()) {
        if (abortAt === turn && arrival < turn) abortIfLive(engine, `r${seed}`);
        if (arrival !== turn) continue;
        const added = { promptIds, requestId: `r${seed}`, sampling: { maxTokens, seed } };
        if (isStream) outcomes.push(read(engine.stream(added), seed));
        else outcomes.push(engine.addRequest(added).finished.then((response) => ({ seed, response })));
      }
      await engine.step();
    }
    await engine.close();
    expect(engine.hasUnfinished).toBe(false);

    for (const { seed, response, streamed } of await Promise.all(outcomes)) {
      const { ids, text, finishReason, error, timings } = response;
      const { promptIds = [], maxTokens = 0 } = requests[seed] ?? {};
      const whole = completion({ promptIds, sampling: { maxTokens, seed } });
      const isComplete = finishReason === 'stop' || finishReason === 'length';
      expect(ids).toEqual(isComplete ? whole : whole.slice(0, ids.length));
      expect(error !== null).toBe(finishReason === 'error');
      expect(timings.tokenTimes).toHaveLength(ids.length);
      // Half a character at the end is shown only where the text is complete.
      const detokenizer = new Detokenizer(tokenizer);
      const shown = ids.map((id) => detokenizer.push(id)).join('');
      expect(text).toBe(isComplete ? shown + detokenizer.finish() : shown);
      expect(streamed ?? { ids, text }).toEqual({ ids, text });
      ends[finishReason] = (ends[finishReason] ?? 0) + 1;
    }
  });
  await fc.assert(property, { seed: 11, numRuns: 400 });

  // The property means little unless it met these ends often; an eos is rare among 8192 tokens.
  for (const reason of ['length', 'abort', 'error']) expect(ends[reason]).toBeGreaterThan(100);
});
