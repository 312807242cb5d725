// Experiment: the prefix cache computes a shared beginning once.
import { Engine } from '../../src/engine/engine.ts';
import { type Figure, formatFigure, ratio } from '../../src/util/figures.ts';
import { largest, present, smallest, sum } from '../../src/util/statistics.ts';
import { throwIfFailed } from '../common/completion.ts';
import { type Experiment, type ExperimentContext, randomRequest } from './experiment.ts';

const NUM_REQUESTS = 16;
const SHARED = 512;
/** Tokens of each prompt after the shared ones. */
const OWN = 8;

/** Measures the time until requests with a shared beginning all have their first token, without and with the cache. */
export const prefix: Experiment = {
  name: 'prefix',
  maxBatchSize: NUM_REQUESTS,
  run: async (context) => {
    context.onProgress('warm-up');
    for (const prefixCache of [false, true]) await prefill(context, prefixCache, { shared: 64 });
    context.onProgress('without cache');
    const without = await prefill(context, false, { shared: SHARED });
    context.onProgress('with cache');
    const cached = await prefill(context, true, { shared: SHARED });
    const describe = (name: string, { milliseconds, cachedTokens }: Prefill) =>
      `${name}: ${formatFigure(milliseconds, 0, ' ms')}, ${cachedTokens} of ${NUM_REQUESTS * (SHARED + OWN)} tokens cached`;
    return [
      {
        title: `prefill of ${NUM_REQUESTS} requests that share ${SHARED} tokens and arrive together, without against with the prefix cache`,
        details: [describe('without', without), describe('with', cached)],
        ratio: ratio(without.milliseconds, cached.milliseconds),
        bound: { atLeast: 8 },
      },
    ];
  },
};

interface Prefill {
  /** Time from the arrival to the last first token. */
  readonly milliseconds: Figure;
  /** Sum over all prompts. */
  readonly cachedTokens: number;
}

async function prefill(
  { model, clock, signal }: ExperimentContext,
  prefixCache: boolean,
  { shared }: { shared: number },
): Promise<Prefill> {
  const { runner, tokenizer } = model;
  const { limits } = runner;
  await using engine = new Engine({ runner, tokenizer, clock, prefixCache });
  const { promptIds } = randomRequest(0, limits, { length: shared, maxTokens: 1 });
  const options = { length: shared + OWN, maxTokens: 1, prefix: promptIds ?? [] };
  const requests = Array.from({ length: NUM_REQUESTS }, (_, i) => randomRequest(i + 1, limits, options));
  const responses = await engine.generateBatch(requests.map((request) => ({ ...request, signal })));
  signal.throwIfAborted();
  throwIfFailed(responses);
  const begin = smallest(responses.map(({ timings }) => timings.arrival));
  const end = largest(present(responses.map(({ timings }) => timings.firstToken)));
  return {
    milliseconds: begin === null || end === null ? null : end - begin,
    cachedTokens: sum(responses.map(({ cachedTokens }) => cachedTokens)),
  };
}
