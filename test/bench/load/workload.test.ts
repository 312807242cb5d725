// Workloads of an open loop: the same for the same flags, with each length and time where its flag puts it.
import { describe, expect, test } from 'vitest';
import { benchScript } from '../../../bench/load/args.ts';
import { drawArrivals } from '../../../bench/load/arrivals.ts';
import type { DatasetEntry } from '../../../bench/load/dataset.ts';
import { buildPrompts, timeRequests } from '../../../bench/load/requests.ts';
import { buildWorkload, checkArrivals } from '../../../bench/load/workload.ts';
import { argsOf } from '../args-of.ts';

const limits = { maxModelLen: 256, vocabSize: 1000 };

function workload(line: string, dataset: readonly DatasetEntry[] | null = null) {
  const args = argsOf(benchScript, ...line.split(' '));
  const arrivals = buildWorkload(args, { dataset, prompts: buildPrompts(args) }, limits);
  return timeRequests(args, arrivals);
}

const promptsOf = (requests: ReturnType<typeof workload>) => requests.map(({ promptIds = [] }) => promptIds);

describe('buildWorkload', () => {
  test('lets the requests of the closed loop arrive at a rate', () => {
    const requests = workload('--request-rate 10 --prompts a b --max-new-tokens 5');
    expect(requests).toMatchObject([
      { requestId: '0', prompt: 'a', sampling: { maxTokens: 5, ignoreEos: false } },
      { requestId: '1', prompt: 'b', sampling: { maxTokens: 5, ignoreEos: false } },
    ]);
    expect(requests[0]?.due).toBeGreaterThan(0);
    expect(requests[1]?.due).toBeGreaterThan(requests[0]?.due ?? 0);
    expect(requests[0]?.promptIds).toBeUndefined();
  });

  test('draws lengths and tokens, the same ones for the same seed, all at once without a rate', () => {
    const line = '--input-len 3-9 --output-len 2-4 --num-requests 50 --seed 1';
    const requests = workload(line);
    expect(workload(line)).toEqual(requests);
    expect(promptsOf(workload(line.replace('seed 1', 'seed 2')))).not.toEqual(promptsOf(requests));
    expect(new Set(promptsOf(requests).map(({ length }) => length))).toEqual(new Set([3, 4, 5, 6, 7, 8, 9]));
    expect(new Set(requests.map(({ sampling }) => sampling.maxTokens))).toEqual(new Set([2, 3, 4]));
    expect(requests.every(({ due, sampling }) => due === 0 && sampling.ignoreEos)).toBe(true);
    const ids = promptsOf(requests).flat();
    expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < limits.vocabSize)).toBe(true);
    expect(new Set(promptsOf(requests).map((prompt) => prompt.slice(0, 3).join())).size).toBe(50);
  });

  test('keeps drawn lengths and the rate apart: another rate changes no prompt', () => {
    const [slow, fast] = ['1', '9'].map((rate) => workload(`--input-len 3-9 --output-len 2-4 --request-rate ${rate}`));
    expect(slow?.map(({ due: _, ...request }) => request)).toEqual(fast?.map(({ due: _, ...request }) => request));
  });

  test('leaves room for a lognormal length in the context', () => {
    for (const { promptIds = [], sampling } of workload('--input-len lognormal:200:1 --output-len lognormal:200:1')) {
      expect(promptIds.length + sampling.maxTokens).toBeLessThanOrEqual(limits.maxModelLen);
    }
  });

  test('shares the first tokens of all prompts, as far as a prompt goes', () => {
    const prompts = promptsOf(workload('--input-len 4-12 --shared-prefix 6 --num-requests 40'));
    const longest = prompts.find(({ length }) => length === 12) ?? [];
    for (const prompt of prompts) {
      expect(prompt.slice(0, 6)).toEqual(longest.slice(0, Math.min(6, prompt.length)));
    }
    const after = prompts.filter(({ length }) => length > 6).map((prompt) => prompt.slice(6, 9).join());
    expect(new Set(after).size).toBe(after.length);
  });

  test('takes a dataset with its times, or with those of a rate', () => {
    const dataset = [
      { place: { path: 'file', line: 1 }, timestampMs: 5, inputLength: 4, outputLength: 3, priority: 2 },
      { place: { path: 'file', line: 2 }, timestampMs: 9, prompt: 'text', outputLength: 7 },
    ];
    const requests = workload('--dataset file --seed 3', dataset);
    expect(requests).toMatchObject([
      { due: 5, promptIds: { length: 4 }, priority: 2, sampling: { maxTokens: 3, ignoreEos: true } },
      { due: 9, prompt: 'text', sampling: { maxTokens: 7, ignoreEos: true } },
    ]);
    expect(requests[1]).not.toHaveProperty('priority');
    const rated = workload('--dataset file --seed 3 --request-rate 2', dataset);
    expect(rated.map(({ promptIds }) => promptIds)).toEqual(requests.map(({ promptIds }) => promptIds));
    expect(rated[0]?.due).not.toBe(5);
  });

  test.each([
    ['--input-len 256', '--input-len is 256, expected at most 255, for a context of 256 tokens'],
    ['--input-len 1-1000000000', '--input-len is 1000000000, expected at most 255, for a context of 256 tokens'],
    ['--input-len lognormal:300:1', '--input-len is 300, expected at most 255, for a context of 256 tokens'],
    ['--output-len 1000000000', '--output-len is 1000000000, expected at most 255, for a context of 256 tokens'],
    [
      '--input-len 4-9 --shared-prefix 10',
      '--shared-prefix is 10, expected at most 9, the length of the longest random prompt',
    ],
    [
      '--input-len lognormal:9:1 --shared-prefix 2147483647',
      expect.stringMatching(/^--shared-prefix is 2147483647, expected at most 255/),
    ],
  ])('refuses %s, which no request can have', (line, message) => {
    expect(() => workload(line)).toThrow(expect.objectContaining({ name: 'RangeValueError', message }));
  });

  test('names the line of a dataset that the context has no room for', () => {
    const place = { path: 'file', line: 7 };
    const fails = (entry: Omit<DatasetEntry, 'place'>) =>
      expect(() => workload('--dataset file', [{ ...entry, place }]));
    const message = 'file, line 7: 257 tokens, expected at most 256, the context';
    fails({ timestampMs: 0, inputLength: 250, outputLength: 7 }).toThrow(message);
    fails({ timestampMs: 0, prompt: 'a', outputLength: 256 }).toThrow(message);
    fails({ timestampMs: 0, inputLength: 2 ** 40, outputLength: 1 }).toThrow('file, line 7: 1099511627777 tokens');
  });
});

describe('checkArrivals', () => {
  const maxWaitMs = 1000;
  const arrivals = [{ due: 0 }, { due: 1000 }, { due: 1000.5 }];
  const entry = (line: number) => ({ place: { path: 'file', line }, timestampMs: 0, outputLength: 1 });

  test('names the line of a time that no timer can hold', () => {
    const dataset = [entry(4), entry(2), entry(9)];
    const asWritten = { 'request-rate': undefined };
    checkArrivals(arrivals.slice(0, 2), asWritten, { dataset, maxWaitMs });
    expect(() => checkArrivals(arrivals, asWritten, { dataset, maxWaitMs })).toThrow(
      'file, line 9: timestamp_ms is 1000.5 after the first, expected at most 1000',
    );
  });

  test.each([1e-9, 5e-324])('names a rate of %d, whose requests no timer can hold', (rate) => {
    const dues = drawArrivals(3, { rate, burstiness: 1, seed: 0 });
    const late = dues.map((due) => ({ due }));
    const message = `--request-rate is ${rate}, expected a rate at which 3 requests arrive within 1000 ms`;
    for (const dataset of [null, [entry(1), entry(2), entry(3)]]) {
      expect(() => checkArrivals(late, { 'request-rate': rate }, { dataset, maxWaitMs })).toThrow(message);
    }
  });
});
