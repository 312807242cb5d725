// An open loop on the fake runner: every mode sees the same requests, and refusals come before the first one runs.
import { beforeAll, describe, expect, test } from 'vitest';
import { benchScript } from '../../../bench/load/args.ts';
import type { DatasetEntry } from '../../../bench/load/dataset.ts';
import { engineSettings } from '../../../bench/load/engine-settings.ts';
import { benchmarkOpenLoop } from '../../../bench/open-loop/benchmark.ts';
import { RunLog, requestsIn } from '../../../bench/open-loop/run-log.ts';
import type { OpenLoopRun } from '../../../bench/open-loop/run-open-loop.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../../support/engine/fake-runner.ts';
import { argsOf } from '../args-of.ts';

const limits = { maxBatchSize: 2, maxBatchTokens: 64, maxModelLen: 64, numBlocks: 64, blockSize: 4, vocabSize: 8192 };
const { signal } = new AbortController();
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

async function runLine(line: string, log?: RunLog, dataset: readonly DatasetEntry[] | null = null) {
  const args = argsOf(benchScript, ...line.split(' '));
  const runner = new FakeRunner(limits);
  const [labels, reported]: [string[], OpenLoopRun[]] = [[], []];
  const runs = await benchmarkOpenLoop(args, {
    runner,
    tokenizer,
    dataset,
    signal,
    settings: engineSettings(args),
    log,
    onProgress: (label) => labels.push(label),
    onInterrupted: () => {},
    onRun: (run) => reported.push(run),
  });
  expect(reported).toEqual(runs);
  return { runs, labels: [...new Set(labels)], runner };
}

const idsOf = ({ outcomes }: OpenLoopRun) => outcomes.map(({ response }) => response?.ids);

describe('benchmarkOpenLoop', () => {
  const load = '--request-rate inf --input-len 3-9 --output-len 2-5 --num-requests 9';

  test('warms every mode up, then gives requests the same ids in each', async () => {
    const { runs, labels } = await runLine(`${load} --mode all --warmup 1`);
    const modes = ['naive', 'offline', 'online'];
    expect(runs.map(({ mode }) => mode)).toEqual(modes);
    expect(labels).toEqual([...modes.map((mode) => `${mode} warm-up 1 of 1`), ...modes]);
    const [naive, offline, online] = runs.map(idsOf);
    expect(naive?.every((ids) => ids !== undefined && ids.length >= 2)).toBe(true);
    expect([offline, online]).toEqual([naive, naive]);
  });

  test('bounds the queue of the run, but not that of the warm-up', async () => {
    const { runs, runner } = await runLine(`${load} --max-queued-requests 1`);
    const rejected = runs.flatMap(({ outcomes }) => outcomes.filter(({ response }) => response === null));
    expect(rejected).toHaveLength(9 - 2 - 1);
    const alone = await runLine(`${load} --max-queued-requests 1 --warmup 0`);
    expect(runner.plans.length).toBeGreaterThan(alone.runner.plans.length);
  });

  test('warms up with two batches, whatever else is to come', async () => {
    const many = load.replace('--num-requests 9', '--num-requests 40');
    const [warm, cold] = [await runLine(many), await runLine(`${many} --warmup 0`)];
    const rows = warm.runner.plans.slice(0, warm.runner.plans.length - cold.runner.plans.length);
    const seeds = new Set(rows.flatMap(({ samplingRows }) => samplingRows.map(({ seed }) => seed)));
    expect(seeds.size).toBe(2 * limits.maxBatchSize);
  });

  test('shares prefixes only when asked to', async () => {
    const cached = async (flag: string) => {
      const { runs } = await runLine(`--input-len 20 --output-len 2 --num-requests 4 --shared-prefix 16${flag}`);
      return runs.flatMap(({ outcomes }) => outcomes.map(({ response }) => response?.cachedTokens));
    };
    expect(await cached('')).toEqual([0, 0, 0, 0]);
    expect(await cached(' --prefix-cache')).toEqual([0, 16, 16, 16]);
  });

  test('logs texts as ids, which give the same completions', async () => {
    const log = new RunLog({ mode: 'online', limits, settings: {}, eosIds: [] });
    const texts = '--request-rate inf --prompts Once Long --max-new-tokens 4 --ignore-eos';
    const { runs } = await runLine(texts, log);
    const requests = requestsIn(log.entries);
    expect(requests.map(({ promptIds }) => promptIds)).toEqual([tokenizer.encode('Once'), tokenizer.encode('Long')]);
    const plain = await runLine(texts);
    expect(runs.map(idsOf)).toEqual(plain.runs.map(idsOf));
    expect(requests.map(({ ids }) => ids)).toEqual(runs.flatMap(idsOf));
  });

  test('refuses a time that no timer can hold before anything runs, and names the line of a request that the engine refuses', async () => {
    const entry = (line: number, timestampMs: number) => ({ place: { path: 'f', line }, timestampMs, outputLength: 2 });
    const runDataset = (...dataset: DatasetEntry[]) => runLine('--dataset f', undefined, dataset);
    const far = { ...entry(2, 2 ** 31), prompt: 'a' };
    await expect(runDataset({ ...entry(1, 0), prompt: 'a' }, far)).rejects.toThrow(
      'f, line 2: timestamp_ms is 2147483648',
    );
    const long = { ...entry(5, 1), prompt: 'word '.repeat(100) };
    await expect(runDataset({ ...entry(1, 0), prompt: 'a' }, long)).rejects.toThrow(
      /^f, line 5: prompt length is \d+, expected/,
    );
    const urgent = { ...entry(6, 1), prompt: 'a', priority: 1e9 };
    await expect(runDataset(urgent)).rejects.toThrow(
      'f, line 6: priority is 1000000000, expected a number in [-100, 100]',
    );
    await expect(runLine('--request-rate 1e-9 --num-requests 2')).rejects.toThrow('--request-rate is 1e-9, expected');
  });
});
