// Child process: a server and its engine, which runs requests without HTTP when it is told to.
import { setTimeout } from 'node:timers/promises';
import { loadModel } from '../../src/load-model.ts';
import { createLog } from '../../src/server/log.ts';
import type { ServedModel } from '../../src/server/served-model.ts';
import { InferenceServer } from '../../src/server/server.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { packageRoot } from '../../src/util/package-info.ts';
import { throwIfFailed } from '../common/completion.ts';
import { SimulatedRunner } from '../common/simulated-runner.ts';
import { systemWaitingClock as clock } from '../load/waiting-clock.ts';
import type { EngineRun, Order, Reply, RequestBatch, ServerJob } from './server-job.ts';

/** Milliseconds of a step that computes nothing. */
const STEP_MS = 2;
/** Tokens of a step, and of a request, without a model. */
const TOKENS = 1024;
const BLOCK_SIZE = 16;

/** Server and engine of this process. */
let served: InferenceServer | null = null;

async function loadServed({ model, maxBatchSize }: ServerJob): Promise<{ model: ServedModel; dtype: string | null }> {
  const common = { name: 'served', fingerprint: 'fp_none' };
  if (model !== null) {
    // As `roseinfer serve` does it: callers wait for this thread.
    const loaded = await loadModel(model.name, { ...model.options, maxBatchSize, yieldToAdapter: false });
    const { runner, tokenizer, config, dtype } = loaded;
    return { model: { ...common, runner, tokenizer, embeddingSize: config.hiddenSize }, dtype };
  }
  const tokenizer = await Tokenizer.load(`${packageRoot}/weights/tales`);
  const limits = {
    maxBatchSize,
    maxBatchTokens: TOKENS,
    maxModelLen: TOKENS,
    numBlocks: (maxBatchSize * TOKENS) / BLOCK_SIZE,
    blockSize: BLOCK_SIZE,
    vocabSize: tokenizer.vocabSize,
  };
  const at = async (time: number) => setTimeout(Math.max(0, time - clock.now()));
  const runner = new SimulatedRunner({ limits, clock: { now: clock.now, at }, stepMs: () => STEP_MS });
  // A simulated runner gives no embeddings.
  return { model: { ...common, runner, tokenizer, embeddingSize: 0 }, dtype: null };
}

async function start(job: ServerJob): Promise<Reply> {
  const { model, dtype } = await loadServed(job);
  served = await InferenceServer.start(model, {
    log: createLog('error'),
    options: { port: 0 },
    // The same prompts run on the engine alone: with a cache the second run would gain.
    engine: { prefixCache: false },
  });
  return { kind: 'start', server: { url: served.url, dtype, vocabSize: model.runner.limits.vocabSize } };
}

async function run({ prompts, maxTokens }: RequestBatch): Promise<EngineRun> {
  if (served === null) throw new Error('no server has started');
  const sampling = { maxTokens, temperature: 0, ignoreEos: true };
  const begin = clock.now();
  const responses = await served.engine.generateBatch(prompts.map((promptIds) => ({ promptIds, sampling })));
  throwIfFailed(responses);
  return { elapsed: clock.now() - begin, ttfts: responses.map(({ timings }) => timings.ttft ?? 0) };
}

async function answer(order: Order): Promise<Reply> {
  switch (order.kind) {
    case 'start':
      return await start(order.job);
    case 'run':
      return { kind: 'run', run: await run(order.batch) };
    case 'processor': {
      const { user, system } = process.cpuUsage();
      return { kind: 'processor', milliseconds: (user + system) / 1000 };
    }
  }
}

process.on('message', async (order: Order) => {
  const reply = await answer(order).catch((error: unknown): Reply => {
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
    return { kind: 'fault', message };
  });
  process.send?.(reply);
});
process.once('disconnect', () => process.exit());
