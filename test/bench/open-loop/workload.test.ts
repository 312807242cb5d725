import { describe, expect, test } from 'vitest';
import { type BenchArgs, parseArgs } from '../../../bench/args.ts';
import { buildPrompts, timeRequests } from '../../../bench/closed-loop/requests.ts';
import type { TraceEntry } from '../../../bench/open-loop/dataset.ts';
import { buildWorkload } from '../../../bench/open-loop/workload.ts';

const limits = { maxModelLen: 256, vocabSize: 1000 };

function workload(line: string, trace: readonly TraceEntry[] | null = null) {
  const args: BenchArgs | null = parseArgs(line.split(' '));
  if (args === null) throw new Error('help was asked for');
  const arrivals = buildWorkload(args, { trace, prompts: buildPrompts(args) }, limits);
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
    const behind = prompts.filter(({ length }) => length > 6).map((prompt) => prompt.slice(6, 9).join());
    expect(new Set(behind).size).toBe(behind.length);
  });

  test('takes a trace with its times, or with those of a rate', () => {
    const trace = [
      { timestampMs: 5, inputLength: 4, outputLength: 3, priority: 2 },
      { timestampMs: 9, prompt: 'text', outputLength: 7 },
    ];
    const requests = workload('--dataset file --seed 3', trace);
    expect(requests).toMatchObject([
      { due: 5, promptIds: { length: 4 }, priority: 2, sampling: { maxTokens: 3, ignoreEos: true } },
      { due: 9, prompt: 'text', sampling: { maxTokens: 7, ignoreEos: true } },
    ]);
    expect(requests[1]).not.toHaveProperty('priority');
    const rated = workload('--dataset file --seed 3 --request-rate 2', trace);
    expect(rated.map(({ promptIds }) => promptIds)).toEqual(requests.map(({ promptIds }) => promptIds));
    expect(rated[0]?.due).not.toBe(5);
  });
});
