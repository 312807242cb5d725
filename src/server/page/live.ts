// The answer to the page that watches: the engine now, and its last two minutes.
import type { Call, Serving } from '../serving.ts';

/** Answers `/live`. */
export function live({ engine, live: view, model }: Serving, call: Call): Response {
  const { blockSize, maxBatchSize, maxModelLen } = model.runner.limits;
  const { numWaiting, numRunning, numUsedBlocks, numBlocks, prefixQueries, prefixHits, preemptions } = engine.stats;
  return call.json({
    model: model.name,
    chat_template: model.chat === undefined ? 'roles' : 'model',
    limits: { block_size: blockSize, num_blocks: numBlocks, max_batch_size: maxBatchSize, max_model_len: maxModelLen },
    waiting: numWaiting,
    running: numRunning,
    used_blocks: numUsedBlocks,
    prefix: { looked_up: prefixQueries, found: prefixHits },
    preemptions,
    second: view.second,
    requests: view.requests.map(({ number, phase, numTokens, generated }) => {
      return { number, phase, tokens: numTokens, generated };
    }),
    seconds: view.seconds,
  });
}
