// What a server says of itself: its metrics, its timelines, and which prompts it computed.
import { describe, expect, test } from 'vitest';
import { clientOffsets } from '../../../bench/serving/client-offsets.ts';
import { makeUnique, provePrefill, unprovenPrefill } from '../../../bench/serving/computed-prefill.ts';
import type { Completion } from '../../../bench/serving/read-completion.ts';
import { compareMetrics, parseMetrics } from '../../../bench/serving/server-metrics.ts';

describe('prompts', () => {
  const ids = Array.from({ length: 20 }, (_, index) => index);
  const run = { run: 12_345, vocabSize: 50_000 };
  const start = (index: number, seed: number) =>
    makeUnique({ due: 1, promptIds: ids }, index, { ...run, run: seed }).promptIds ?? [];

  test('begin differently in every run and request, and keep their length', () => {
    const beginnings = [start(0, 1), start(1, 1), start(0, 2), ids].map((each) => each.slice(0, 4).join());
    expect(new Set(beginnings).size).toBe(4);
    expect(start(0, 1)).toEqual(start(0, 1));
    expect(start(0, 1).slice(4)).toEqual(ids.slice(4));
    expect(start(0, 1).every((id) => id >= 0 && id < run.vocabSize)).toBe(true);
  });

  test('of text have a word of their own before them', () => {
    const texts = [0, 1].map((index) => makeUnique({ due: 0, prompt: 'Once' }, index, run).prompt);
    expect(texts.every((text) => /^[0-9a-z]+ Once$/.test(text ?? ''))).toBe(true);
    expect(texts[0]?.slice(0, 4)).not.toBe(texts[1]?.slice(0, 4));
  });
});

describe('a proof of computed prefill', () => {
  const usage = (cached: number | null) => ({ prompt: 100, completion: 1, cached });
  const few = { numRequests: 2, endpoint: 'completions' } as const;

  test('comes from usage where every answer has it, else from metrics, else there is none', () => {
    expect(provePrefill([usage(0), usage(16)], 99)).toEqual({ cachedTokens: 16, promptTokens: 200, source: 'usage' });
    expect(provePrefill([usage(0), usage(null)], 99)).toMatchObject({ cachedTokens: 99, source: 'metrics' });
    expect(provePrefill([usage(null)], null)).toMatchObject({ cachedTokens: null, source: null });
  });

  test('fails by a cached block, and without a word of the server', () => {
    // A BOS is the beginning of all.
    for (const cached of [0, 8]) expect(unprovenPrefill(provePrefill([usage(cached)], null), few)).toBeNull();
    expect(unprovenPrefill(provePrefill([usage(16)], null), few)).toContain(
      '16 of 100 tokens of prompts came from a cache by usage',
    );
    expect(unprovenPrefill(provePrefill([usage(null)], null), few)).toContain(
      'does not say which tokens of prompts it computed',
    );
  });

  test('leaves a chat the beginning that its template writes', () => {
    const proof = provePrefill([usage(64), usage(64)], null);
    expect(unprovenPrefill(proof, { ...few, endpoint: 'chat' })).toBeNull();
    expect(unprovenPrefill({ ...proof, cachedTokens: 129 }, { ...few, endpoint: 'chat' })).not.toBeNull();
  });
});

describe('metrics', () => {
  const metrics = (count: number, scale: number) =>
    parseMetrics(
      [
        '# HELP vllm:time_to_first_token_seconds x',
        `vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="a b"} ${count}`,
        `vllm:time_to_first_token_seconds_count{model_name="m"} ${count}`,
        `vllm:time_to_first_token_seconds_sum{model_name="m"} ${0.05 * scale}`,
        `vllm:time_per_output_token_seconds_count{model_name="m"} ${10 * count}`,
        `vllm:time_per_output_token_seconds_sum{model_name="m"} ${0.02 * scale}`,
        `vllm:prefix_cache_hits_total{engine="0"} ${scale}`,
        `vllm:prefix_cache_hits_total{engine="1"} ${scale} 1700000000`,
        `process_cpu_seconds_total ${scale}e-3`,
      ].join('\r\n'),
    );

  test('are compared from before to after a run', () => {
    const rise = compareMetrics(metrics(1, 2), metrics(5, 6), 4);
    expect(rise.meanTtft).toBeCloseTo(50, 9);
    expect(rise.meanItl).toBeCloseTo(2, 9);
    expect(rise.processorTime).toBeCloseTo(4, 9);
    expect(rise.cachedTokens).toBe(8);
  });

  test('give no times where others called the server meanwhile, and nothing where there are none', () => {
    expect(compareMetrics(metrics(1, 2), metrics(6, 6), 4)).toMatchObject({ meanTtft: null, meanItl: null });
    const nothing = { meanTtft: null, meanItl: null, processorTime: null, cachedTokens: null };
    expect(compareMetrics(null, null, 0)).toEqual(nothing);
    expect(compareMetrics(parseMetrics(''), parseMetrics('x{} y'), 0)).toEqual(nothing);
  });
});

describe('clientOffsets', () => {
  const span = (kind: 'queued' | 'prefill' | 'decode' | 'preempted', start: number, end: number) => ({
    kind,
    start,
    end,
  });
  const completion = (fields: Partial<Completion>): Completion => ({
    sent: 100,
    end: 200,
    tokenTimes: [112, 123, 134],
    usage: { prompt: 1, completion: 3, cached: 0 },
    timeline: [
      span('queued', 0, 1),
      span('prefill', 1, 4),
      span('prefill', 4, 10),
      span('decode', 10, 20),
      span('decode', 20, 30),
    ],
    fault: null,
    ...fields,
  });

  test('takes the first token from the end of the prefill, whatever its chunks', () => {
    const { ttft, itl } = clientOffsets([completion({}), completion({ sent: 98, tokenTimes: [112, 134] })]);
    expect(ttft).toMatchObject({ mean: 3, median: 3 });
    expect(itl).toMatchObject({ mean: 1, std: 0 });
  });

  test('leaves out requests without a timeline, without tokens, and those that were preempted', () => {
    const preempted = completion({
      timeline: [span('prefill', 0, 5), span('preempted', 5, 9), span('prefill', 9, 12)],
    });
    const none = clientOffsets([completion({ timeline: null }), preempted, completion({ tokenTimes: [] })]);
    expect(none).toEqual({ ttft: null, itl: null });
  });
});
