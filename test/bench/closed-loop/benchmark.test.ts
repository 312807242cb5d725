// A closed loop on the fake runner: warm-ups, turns of the schedulers, what is reported, and what a fault or an
// interruption leaves.
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BenchmarkOptions, runBenchmark } from '../../../bench/closed-loop/benchmark.ts';
import { type ModeRun, runMode } from '../../../bench/closed-loop/run-mode.ts';
import { judgeRuns } from '../../../bench/closed-loop/verdict.ts';
import { benchScript } from '../../../bench/load/args.ts';
import { buildRequests } from '../../../bench/load/requests.ts';
import type { BatchPlan } from '../../../src/core/batch-plan.ts';
import { schedulerNames } from '../../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner, fakeCompletion } from '../../support/engine/fake-runner.ts';
import { argsOf } from '../args-of.ts';

const limits = {
  maxBatchSize: 4,
  maxBatchTokens: 256,
  maxModelLen: 256,
  numBlocks: 64,
  blockSize: 16,
  vocabSize: 8192,
};
const { signal } = new AbortController();
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

afterEach(() => {
  vi.restoreAllMocks();
});

function requestsOf(...argv: string[]) {
  return buildRequests(argsOf(benchScript, ...argv));
}

async function benchmark(argv: readonly string[], options: Partial<BenchmarkOptions> = {}) {
  const reported: ModeRun[] = [];
  const runs = await runBenchmark(requestsOf(...argv), {
    runner: new FakeRunner(limits),
    tokenizer,
    signal,
    modes: schedulerNames,
    warmup: 0,
    repeat: 1,
    onProgress: () => {},
    onMode: (run) => reported.push(run),
    ...options,
  });
  return { runs, reported };
}

/** Runner whose ids depend on the batch, as no ids may. */
class BatchedIdsRunner extends FakeRunner {
  override compute(plan: BatchPlan) {
    const result = super.compute(plan);
    return { ...result, ids: result.ids.map((id) => (id + plan.numSequences) % limits.vocabSize) };
  }
}

/** Runner and clock: only steps and encoding take time. */
function slowMachine() {
  const clock = { time: 1000, now: () => clock.time };
  const runner = new FakeRunner(limits);
  const execute = runner.execute.bind(runner);
  runner.execute = (plan) => {
    clock.time += 100;
    return execute(plan);
  };
  const encode = tokenizer.encode.bind(tokenizer);
  vi.spyOn(tokenizer, 'encode').mockImplementation((text, options) => {
    clock.time += 10;
    return encode(text, options);
  });
  return { clock, runner };
}

describe('runBenchmark', () => {
  test('gives every request the same ids in every mode, as if it ran alone', async () => {
    const { runs } = await benchmark(['--num-requests', '10', '--max-new-tokens', '12', '--seed', '3']);
    expect(runs.map(({ mode }) => mode)).toEqual(['naive', 'offline', 'online']);
    expect(judgeRuns(runs)).toEqual({ numCompared: 10, numEqual: 10, problems: [] });
    for (const [index, { prompt, sampling }] of requestsOf('--num-requests', '10', '--seed', '3').entries()) {
      const alone = { promptIds: tokenizer.encode(prompt), seed: sampling.seed, maxTokens: 12 };
      const ids = fakeCompletion({ ...alone, eosIds: tokenizer.eosIds, vocabSize: limits.vocabSize });
      expect(runs[0]?.responses[index]?.ids).toEqual(ids);
    }
  });

  test('gives a repeated prompt different completions, and the same ones again with the same seed', async () => {
    const argv = ['--prompt', 'Once upon a time', '--num-requests', '8', '--max-new-tokens', '6', '--do-sample'];
    const idsOf = async (seed: string) => {
      const { runs } = await benchmark([...argv, '--seed', seed], { modes: ['online'] });
      return runs[0]?.responses.map(({ ids }) => ids.join()) ?? [];
    };
    const ids = await idsOf('1');
    expect(new Set(ids).size).toBe(8);
    expect(await idsOf('1')).toEqual(ids);
    expect(await idsOf('2')).not.toEqual(ids);
  });

  test('finds a runner whose ids depend on the batch', async () => {
    const runner = new BatchedIdsRunner(limits);
    const { runs } = await benchmark(['--num-requests', '4', '--max-new-tokens', '5'], { runner });
    expect(judgeRuns(runs)).toMatchObject({ numEqual: 0, problems: { length: 4 } });
  });

  test('computes repeated prompts anew unless its settings say otherwise', async () => {
    const argv = ['--prompt', 'There was once a tailor so poor. '.repeat(5), '--num-requests', '6'];
    const cachedTokens = async (options: Partial<BenchmarkOptions>) => {
      const { runs } = await benchmark([...argv, '--max-new-tokens', '2'], { modes: ['online'], ...options });
      return runs.flatMap(({ responses }) => responses.map((response) => response.cachedTokens));
    };
    expect(await cachedTokens({})).toEqual([0, 0, 0, 0, 0, 0]);
    expect((await cachedTokens({ settings: { prefixCache: true } })).slice(1).every((tokens) => tokens > 0)).toBe(true);
  });

  test('goes on when a request fails, and names it', async () => {
    const [, broken] = requestsOf();
    const runner = new FakeRunner(limits);
    runner.isBroken = ({ seed }) => seed === broken?.sampling.seed;
    const { runs, reported } = await benchmark(['--num-requests', '3', '--max-new-tokens', '4'], { runner });
    expect(reported).toHaveLength(3);
    expect(judgeRuns(runs)).toMatchObject({
      numEqual: 2,
      problems: [expect.stringMatching(/^request 1 failed in naive: logits .* are not finite$/)],
    });
  });

  test('warms every mode up before the first run', async () => {
    const labels: string[] = [];
    const onProgress = (label: string) => {
      if (label !== labels.at(-1)) labels.push(label);
    };
    const argv = ['--num-requests', '2', '--max-new-tokens', '20'];
    const { runs } = await benchmark(argv, { modes: ['naive', 'online'], warmup: 2, repeat: 2, onProgress });
    expect(labels).toEqual([
      'naive warm-up 1 of 2',
      'naive warm-up 2 of 2',
      'online warm-up 1 of 2',
      'online warm-up 2 of 2',
      'naive run 1 of 2',
      'online run 1 of 2',
      'naive run 2 of 2',
      'online run 2 of 2',
    ]);
    expect(runs).toHaveLength(4);
  });

  test.each([
    [1, 60],
    [4, 60],
    [32, 60],
    [32, 3],
  ])('warms up with at most two batches of %i, of %i requests', async (maxBatchSize, numRequests) => {
    const runner = new FakeRunner({ ...limits, maxBatchSize, numBlocks: 1024 });
    const plans = new Map<string, BatchPlan[]>();
    const onProgress = (label: string) => {
      const seen = [...plans.values()].flat().length;
      plans.set(label, [...(plans.get(label) ?? []), ...runner.plans.slice(seen)]);
    };
    const argv = ['--num-requests', String(numRequests), '--max-new-tokens', '12', '--ignore-eos'];
    await benchmark(argv, { runner, warmup: 2, onProgress });
    for (const mode of schedulerNames) {
      for (const round of [1, 2]) {
        const warmup = plans.get(`${mode} warm-up ${round} of 2`) ?? [];
        const seeds = new Set(warmup.flatMap(({ samplingRows }) => samplingRows.map(({ seed }) => seed)));
        const batchSize = mode === 'naive' ? 1 : maxBatchSize;
        expect(seeds.size, mode).toBe(Math.min(2 * batchSize, numRequests));
      }
    }
  });

  test('decodes batches of every size while it warms up', async () => {
    const runner = new FakeRunner(limits);
    let numWarmups = 0;
    const onProgress = (label: string) => {
      if (label.includes('warm-up')) numWarmups = runner.plans.length;
    };
    const argv = ['--num-requests', '4', '--max-new-tokens', '9', '--ignore-eos'];
    await benchmark(argv, { runner, modes: ['online'], warmup: 1, onProgress });
    const decodes = runner.plans.slice(0, numWarmups).filter((plan) => plan.numDecodeTokens === plan.numTokens);
    expect(new Set(decodes.map((plan) => plan.numSequences))).toEqual(new Set([4, 3, 2, 1]));
  });

  test.each([
    [3, [700, 300, 500], 500],
    [4, [900, 300, 700, 500], 500],
  ])('reports of %i runs the one with the median time', async (repeat, durations, median) => {
    const clock = { time: 0, now: () => clock.time };
    const runner = new FakeRunner(limits);
    const execute = runner.execute.bind(runner);
    const steps = [...durations];
    runner.execute = (plan) => {
      clock.time += steps.shift() ?? 0;
      return execute(plan);
    };
    const argv = ['--num-requests', '1', '--max-new-tokens', '1'];
    const { runs, reported } = await benchmark(argv, { runner, clock, repeat, modes: ['online'] });
    expect(runs.map(({ start, end }) => end - start)).toEqual(durations);
    expect(reported.map(({ start, end }) => end - start)).toEqual([median]);
  });

  test('refuses requests that can not run before any step', async () => {
    const runner = new FakeRunner({ ...limits, numBlocks: 13 });
    await expect(benchmark(['--max-new-tokens', '300'], { runner, warmup: 1 })).rejects.toThrow('maxTokens is 300');
    await expect(benchmark(['--max-new-tokens', '100'], { runner, warmup: 1 })).rejects.toThrow(
      'request 10 needs 14 blocks of 16 tokens for its prompt and maxTokens, expected at most 13',
    );
    expect(runner.plans).toEqual([]);
  });

  test('stops when it is aborted, with the reason', async () => {
    const abort = new AbortController();
    const runner = new FakeRunner(limits);
    const onProgress = () => abort.abort(new Error('enough'));
    const run = benchmark(['--max-new-tokens', '100'], { runner, signal: abort.signal, onProgress });
    await expect(run).rejects.toThrow('enough');
    // A step in flight may end; none begins.
    expect(runner.plans.length).toBeLessThanOrEqual(2);
  });
});

describe('runMode', () => {
  test.each(schedulerNames)('starts the clock of %s before the prompts are encoded', async (mode) => {
    const { clock, runner } = slowMachine();
    const requests = requestsOf('--num-requests', '3', '--max-new-tokens', '1');
    const { start, end, responses } = await runMode(mode, requests, { runner, tokenizer, signal, clock });
    const numSteps = mode === 'naive' ? 3 : 1;
    expect({ start, end }).toEqual({ start: 1000, end: 1000 + 3 * 10 + numSteps * 100 });
    expect(responses.every(({ timings }) => timings.firstToken === timings.lastToken)).toBe(true);
  });
});
