// Memory of a loaded model: a large KV pool is reserved, and only the blocks that requests fill become resident.
import { expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import { loadModel } from '../src/load-model.ts';
import { BUNDLED_MODEL } from '../src/models/bundled-model.ts';

test('a large KV pool is reserved, and only the part that requests fill is taken', async () => {
  const before = process.memoryUsage.rss();
  await using model = await loadModel(BUNDLED_MODEL, { maxBatchSize: 64, maxBatchTokens: 64 });
  const { kv } = model.memory;
  expect(kv).toBeGreaterThan(500 * 2 ** 20);
  await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer });
  const { ids } = await engine.generate({ prompt: 'The king', sampling: { maxTokens: 20, ignoreEos: true } });
  expect(ids.length).toBe(20);
  expect(process.memoryUsage.rss() - before).toBeLessThan(kv / 2);
});
