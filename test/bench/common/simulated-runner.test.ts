// The simulated runner under the engine: constrained requests get ids that their masks allow, and free ones the ids that they had.
import { expect, test } from 'vitest';
import { SimulatedRunner } from '../../../bench/common/simulated-runner.ts';
import { VirtualClock } from '../../../bench/simulation/virtual-clock.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { RandomAutomaton } from '../../support/engine/random-automaton.ts';

const limits = { maxBatchSize: 4, maxBatchTokens: 64, maxModelLen: 64, numBlocks: 64, blockSize: 4, vocabSize: 100 };

test('ids of constrained requests are such as their masks allow, beside the ids of free ones', async () => {
  const constraint = new RandomAutomaton(3, { vocabSize: 100 });
  const free = { promptIds: [1, 2, 3], sampling: { maxTokens: 9, seed: 5 } };
  const run = async (constrained: boolean) => {
    const clock = new VirtualClock({ turns: 4 });
    const runner = new SimulatedRunner({ limits, clock, stepMs: () => 2 });
    await using engine = new Engine({ runner, clock });
    const requests = [free, ...(constrained ? [{ ...free, constraint }] : [])];
    return await clock.run(engine.generateBatch(requests));
  };
  const [alone] = await run(false);
  const [beside, ruled] = await run(true);
  expect(beside?.ids).toEqual(alone?.ids);
  expect(ruled).toMatchObject({ finishReason: 'length', error: null });
  for (const [n, id] of ruled!.ids.entries()) expect(constraint.idsAfter(ruled!.ids.slice(0, n))).toContain(id);
});
