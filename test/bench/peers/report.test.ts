// Tables and JSON of a comparison, from findings written by hand.
import { describe, expect, test } from 'vitest';
import { peersScript } from '../../../bench/peers/args.ts';
import type { EngineName } from '../../../bench/peers/comparison.ts';
import { type DecodeResult, decodeBatches } from '../../../bench/peers/decode-job.ts';
import {
  countEqualIds,
  type Findings,
  formatNotes,
  formatProblem,
  formatTables,
  LEFT_OUT,
  peersReportJson,
} from '../../../bench/peers/report.ts';
import { cardIdentity } from '../../support/gpu/adapter-identity.ts';
import { argsOf } from '../args-of.ts';

const decoded = (batchSize: number, tokensPerSecond: number, ids: number[][]): DecodeResult => ({
  batchSize,
  tokensPerSecond,
  ids,
});
const multiplied = (M: number, ms: number) => ({ name: 'qkv', K: 4, N: 12, M, ms });

const findings: Findings = {
  decode: new Map([
    ['roseinfer', [10, 30, 20].map((speed) => decoded(1, speed, [[1, 2, 3]]))],
    ['llama-cpu', [5, 1, 4].map((speed) => decoded(1, speed, [[1, 2, 4]]))],
  ]),
  matmul: new Map([
    ['roseinfer', [multiplied(1, 2), multiplied(8, 4)]],
    ['onnx-cpu', [multiplied(1, 1), multiplied(8, 12)]],
  ]),
  problems: new Map([['llama-vulkan', 'no device']]),
};

describe('formatTables', () => {
  test('shows medians of the rounds and how many times faster roseinfer is', () => {
    expect(formatTables(findings).split('\n')).toEqual([
      'decode                 batch  tokens/s  roseinfer ×   equal ids',
      'roseinfer                  1     20.00         1.00         3/3',
      'llama.cpp, CPU             1      4.00         5.00         2/3',
      '',
      'matmul                 shape              M         K×N        ms  roseinfer ×',
      'roseinfer              qkv                1        4×12     2.000         1.00',
      'roseinfer              qkv                8        4×12     4.000         1.00',
      'ONNX Runtime, CPU      qkv                1        4×12     1.000         0.50',
      'ONNX Runtime, CPU      qkv                8        4×12    12.000         3.00',
    ]);
    expect(formatNotes(findings, ['llama-vulkan', 'llama-cpu', 'onnx-cpu'])).toEqual([
      `llama.cpp, CPU: ${LEFT_OUT['llama-cpu']}`,
      `ONNX Runtime, CPU: ${LEFT_OUT['onnx-cpu']}`,
    ]);
    expect(formatProblem('llama-vulkan', 'no device')).toBe('llama.cpp, Vulkan: not run to its end: no device');
  });

  test('has a dash for a speed or a ratio that no clock could tell', () => {
    const decode = new Map<EngineName, DecodeResult[]>([
      ['roseinfer', [{ batchSize: 1, tokensPerSecond: null, ids: [[1]] }]],
      ['llama-cpu', [decoded(1, 5, [[1]])]],
    ]);
    const matmul = new Map([['roseinfer' as const, [{ ...multiplied(1, 2), ms: 0 }]]]);
    expect(
      formatTables({ ...findings, decode, matmul })
        .split('\n')
        .slice(1, 6),
    ).toEqual([
      'roseinfer                  1         -            -         1/1',
      'llama.cpp, CPU             1      5.00            -         1/1',
      '',
      'matmul                 shape              M         K×N        ms  roseinfer ×',
      'roseinfer              qkv                1        4×12     0.000            -',
    ]);
  });

  test('has no table of matmuls where none ran', () => {
    const text = formatTables({ ...findings, matmul: new Map() });
    expect(text).not.toContain('matmul');
  });
});

test('peersReportJson has every round of every engine, and where the numbers come from', () => {
  const args = argsOf(peersScript, '--repeat', '3');
  const meta = {
    adapter: cardIdentity,
    dtype: 'f16' as const,
    args,
    model: 'weights/tales',
    commit: null,
    isPartial: true,
  };
  const json: unknown = JSON.parse(JSON.stringify(peersReportJson(findings, meta)));
  expect(json).toMatchObject({
    schema: 'roseinfer-peers-1',
    partial: true,
    meta: {
      adapter: 'card',
      driver: 'driver 1',
      reduction: 'gpu',
      'node-llama-cpp': '3.21.1',
      args,
      model: 'weights/tales',
      dtype: 'f16',
    },
    decode: {
      'llama-cpu': [5, 1, 4].map((speed) => ({ batch_size: 1, decode_tokens_per_s: speed, ids: [[1, 2, 4]] })),
    },
    matmul: { 'onnx-cpu': [multiplied(1, 1), multiplied(8, 12)] },
    problems: { 'llama-vulkan': 'no device' },
    left_out: LEFT_OUT,
  });
});

test('countEqualIds counts the ids before the first difference of each sequence', () => {
  const ours = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  expect(
    countEqualIds(ours, [
      [1, 9, 3],
      [4, 5, 6],
    ]),
  ).toBe(1 + 3);
  expect(
    countEqualIds(ours, [
      [1, 2],
      [4, 5, 6],
    ]),
  ).toBe(2 + 3);
  expect(countEqualIds(ours, [[1, 2, 3]])).toBe(3);
});

test('decodeBatches runs every batch size twice and reports the second run', async () => {
  const prompts = Array.from({ length: 8 }, (_, i) => [i]);
  const calls: [number, number][] = [];
  const generate = async (batch: readonly (readonly number[])[], numIds: number) => {
    calls.push([batch.length, numIds]);
    return batch.map(([id = 0]) => ({ ids: [id, numIds], times: [0, 10_000 / calls.length] }));
  };
  const results: DecodeResult[] = [];
  await decodeBatches({ prompts, maxNewTokens: 20 }, generate, (result) => results.push(result));
  expect(calls).toEqual([
    [1, 20],
    [1, 20],
    [8, 20],
    [8, 20],
  ]);
  // Call n takes 10 / n seconds: the second call of one sequence, the fourth of eight.
  const idsOf = (size: number) => prompts.slice(0, size).map(([id = 0]) => [id, 20]);
  expect(results).toEqual([decoded(1, 0.2, idsOf(1)), decoded(8, 3.2, idsOf(8))]);
});
