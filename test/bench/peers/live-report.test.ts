// A live report as it grows: rows, heads and saved states in their order.
import { expect, test } from 'vitest';
import type { EngineName, Finding } from '../../../bench/peers/comparison.ts';
import type { DecodeResult } from '../../../bench/peers/decode-job.ts';
import { LiveReport } from '../../../bench/peers/live-report.ts';
import { cardIdentity } from '../../support/gpu/adapter-identity.ts';

const setup = { adapter: cardIdentity, dtype: 'f16' as const };
const decoded = (engine: EngineName, tokensPerSecond: number): Finding & { kind: 'decode' } => {
  return { kind: 'decode', engine, result: { batchSize: 1, tokensPerSecond, ids: [[1, 2]] } };
};

test('a live report prints each row as it comes and saves after it, with a head where another table begins', async () => {
  const events: string[] = [];
  const report = new LiveReport({
    print: (text) => events.push(text),
    describe: ({ dtype }) => `roseinfer in ${dtype}`,
    save: () => Promise.resolve(void events.push('saved')),
  });
  const decode = new Map<EngineName, DecodeResult[]>();
  const found = { decode, matmul: new Map(), problems: new Map(), setup };
  const take = async (finding: Finding) => {
    if (finding.kind === 'decode') decode.set(finding.engine, [finding.result]);
    await report.take(finding, found);
  };
  await take({ kind: 'setup', setup });
  await take(decoded('roseinfer', 10));
  await take(decoded('llama-cpu', 5));
  await take({ kind: 'problem', engine: 'llama-vulkan', problem: 'its process ended with SIGKILL' });
  await take({ kind: 'matmul', engine: 'onnx-cpu', result: { name: 'qkv', K: 4, N: 12, M: 1, ms: 2 } });
  report.begin('round 2 of 2');
  await take({ kind: 'setup', setup });
  await take(decoded('roseinfer', 10));
  const head = 'decode                 batch  tokens/s  roseinfer ×   equal ids';
  expect(events).toEqual([
    'roseinfer in f16',
    'saved',
    '',
    head,
    'roseinfer                  1     10.00         1.00         2/2',
    'saved',
    'llama.cpp, CPU             1      5.00         2.00         2/2',
    'saved',
    'llama.cpp, Vulkan: not run to its end: its process ended with SIGKILL',
    'saved',
    '',
    'matmul                 shape              M         K×N        ms  roseinfer ×',
    'ONNX Runtime, CPU      qkv                1        4×12     2.000            -',
    'saved',
    'saved',
    '',
    'round 2 of 2',
    head,
    'roseinfer                  1     10.00         1.00         2/2',
    'saved',
  ]);
});
