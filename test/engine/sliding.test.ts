// A conversation with a model whose layers slide: each turn takes what it can from the prefix cache, though its beginning is gone.
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { FakeRunner, fakeCompletion } from '../support/engine/fake-runner.ts';

const LIMITS = { blockSize: 4, window: 8, maxBatchTokens: 16, maxModelLen: 400, numBlocks: 12 };

test('the turns of a long conversation go on from the blocks of the last one', async () => {
  await using engine = new Engine({ runner: new FakeRunner(LIMITS) });
  let promptIds = Array.from({ length: 30 }, (_, index) => index);
  for (let turn = 0; turn < 6; turn++) {
    const sampling = { maxTokens: 17, seed: turn, ignoreEos: true };
    const { ids, cachedTokens } = await engine.generate({ promptIds, sampling });
    expect(ids).toEqual(fakeCompletion({ promptIds, seed: turn, maxTokens: 17, window: LIMITS.window }));
    // All full blocks of the turn before, of which the last id is not computed.
    if (turn > 0) expect(cachedTokens).toBe(4 * Math.floor((promptIds.length - 6) / 4));
    promptIds = [...promptIds, ...ids, 1, 2, 3, 4, 5];
  }
  // The pool holds 48 tokens, and the conversation has more.
  expect(promptIds.length).toBeGreaterThan(150);
});
