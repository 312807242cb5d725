// The run of `node bench/kernels.ts --invariance`: its lines, its JSON file, refusals, and what a signal leaves.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { priceReportJson } from '../../../bench/invariance/report.ts';
import { Device } from '../../../src/gpu/device.ts';
import { errorsIn, runNode } from '../../support/run-node.ts';

let directory: string;
let hasTimestamps: boolean;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-invariance-'));
  using device = await Device.open();
  hasTimestamps = device.traits.timestamps;
});
afterAll(() => rm(directory, { recursive: true }));

const FLAGS = ['bench/kernels.ts', '--model', 'weights/tales', '--invariance'];

async function readReport(path: string): Promise<ReturnType<typeof priceReportJson>> {
  return JSON.parse(await readFile(path, 'utf8'));
}

test('prints a line a kernel, and writes the same numbers to the JSON file', async ({ skip }) => {
  if (!hasTimestamps) skip('the adapter has no timestamp-query');
  const path = join(directory, 'out.json');
  const filter = 'projection 256 × 256 M=1 ';
  const { status, stdout, stderr } = runNode([...FLAGS, '--filter', filter, '--runs', '2', '--json', path]);
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^model: weights\/tales \(f16, KV f32\) · adapter .* · reduction \w+$/);
  expect(lines.at(-2)).toMatch(/^kernel +case +M +µs +control +price +GB\/s +GFLOP\/s +µs +control +price/);
  const times = String.raw` +[\d.]+ +[\d.]+ +[+-][\d.]+ %`;
  expect(lines.at(-1)).toMatch(
    new RegExp(String.raw`^matmul +projection 256 × 256 +1${times} +[\d.]+ +[\d.]+${times} free_`),
  );

  const { schema, partial, meta, kernels, steps } = await readReport(path);
  // Of a step one kernel alone was timed.
  expect({ schema, partial, steps }).toEqual({ schema: 'roseinfer-invariance-1', partial: false, steps: [] });
  expect(meta).toMatchObject({ model: 'weights/tales', dtype: 'f16', kv_dtype: 'f32', args: { runs: 2 } });
  expect(kernels).toMatchObject([{ kernel: 'matmul', M: 1, ours: expect.stringMatching(/^matmul\[.*W_F16/) }]);
  const [{ throughput, latency, controls, gigabytes }] = kernels as [(typeof kernels)[number]];
  for (const { ours, control, best, price } of [throughput, latency]) {
    expect(price).toBeCloseTo(ours! / control! - 1, 9);
    expect(controls).toContain(best);
  }
  // x, w in f16, bias, out.
  const bytes = 4 * 256 + 2 * 256 * 256 + 4 * 256 + 4 * 256;
  expect(gigabytes).toBeCloseTo((1e-6 * bytes) / throughput.ours!, 9);
});

test('keeps what it had timed when a signal ended it, marked as partial', async ({ skip }) => {
  if (!hasTimestamps) skip('the adapter has no timestamp-query');
  const path = join(directory, 'partial.json');
  const flags = [...FLAGS, '--filter', 'layernorm', '--runs', '50', '--json', path];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let stdout = '';
  for await (const data of child.stdout) {
    stdout += data;
    if (!child.killed && stdout.includes('\nlayernorm')) child.kill('SIGINT');
  }
  expect(await exit).toEqual([130, null]);
  const { partial, kernels } = await readReport(path);
  expect(partial).toBe(true);
  expect(kernels.length).toBe(stdout.split('\nlayernorm').length - 1);
});

test('refuses a filter that selects nothing', () => {
  const { status, stderr } = runNode([...FLAGS, '--filter', 'abacus']);
  const message = expect.stringMatching(/^--filter is "abacus", expected part of "matmul qkv/);
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 2, errors: [message] });
});
