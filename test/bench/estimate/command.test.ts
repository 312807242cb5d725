// The estimate as a command: what it prints is called an estimate, and the file has the same numbers.
// @module-tag sweep
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GPU_NAMES, GPUS } from '../../../bench/estimate/gpus.ts';
import type { estimateJson } from '../../../bench/estimate/report.ts';
import { errorsIn, runNode } from '../../support/run-node.ts';

const bench = (...flags: string[]) => runNode(['bench/kernels.ts', ...flags]);

test('an estimate names GPU, model, rule and what is assumed, and writes its numbers to the JSON file', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'roseinfer-estimate-'));
  const path = join(directory.path, 'out.json');
  const { status, stdout, stderr } = bench(
    '--estimate',
    'h100-sxm',
    '--kv-dtype',
    'f16',
    '--runs',
    '3',
    '--json',
    path,
  );
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
  expect(stderr).toContain('--runs has no effect on an estimate');
  expect(stdout).toMatch(/^ESTIMATE, not a measurement: random:gpt2 \(f16, KV f16\) on NVIDIA H100 SXM$/m);
  expect(stdout.match(/^estimate of a step: .*$/gm)).toEqual([
    'estimate of a step: decode, batch 1, context 64',
    'estimate of a step: decode, batch 8, context 64',
    'estimate of a step: decode, batch 1, context 1000',
    'estimate of a step: decode, batch 8, context 1000',
    'estimate of a step: prefill of 512 tokens',
  ]);
  expect(stdout).toMatch(/^matmul +LM head +1 +\d+ × \d+ +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +bytes$/m);
  expect(stdout).toMatch(/µs until the next one starts, which are assumed/);

  const report: ReturnType<typeof estimateJson> = JSON.parse(await readFile(path, 'utf8'));
  expect(report).toMatchObject({
    schema: 'roseinfer-estimate-1',
    meta: { model: 'random:gpt2', dtype: 'f16', kv_dtype: 'f16', args: { estimate: 'h100-sxm' } },
    gpu: GPUS['h100-sxm'],
  });
  expect(report.steps.length).toBe(5);
  const [first] = report.steps;
  const row = new RegExp(
    `^decode, batch 1, context 64 +${first!.dispatches} +${first!.waits} .* ${first!.speed!.toFixed(0)} `,
    'm',
  );
  expect(stdout).toMatch(row);
});

test.each(['smollm2-135m', 'llama-3.2-1b', 'qwen3-0.6b'])(
  'random:%s in four bits has an estimate with the waits of its own kernels',
  (name) => {
    const { status, stdout, stderr } = bench('--estimate', 'rx-7900-xtx', '--model', `random:${name}`, '--dtype', 'q4');
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect(stdout).toMatch(/^embed_tokens +1 +\d+ × \d+ +1 /m);
    // In a prefill a norm has a dispatch of its own.
    expect(stdout).toMatch(/^rmsnorm +\d+ +512 × \d+ +[1-9]/m);
  },
);

test('list prints every GPU with its sources', () => {
  const { status, stdout, stderr } = bench('--estimate', 'list', '--dtype', 'q8', '--json', '/nowhere/out.json');
  expect(status).toBe(0);
  for (const flag of ['--dtype', '--json']) expect(stderr).toContain(`${flag} has no effect on a list of GPUs`);
  for (const name of GPU_NAMES) {
    expect(stdout).toMatch(new RegExp(`^${name} +${GPUS[name].gigabytes} `, 'm'));
    expect(stdout).toContain(`${name}: ${GPUS[name].title}\n`);
    for (const source of Object.values(GPUS[name].sources)) expect(stdout).toContain(source);
  }
});

test('an unknown GPU is refused with the names of those that are known', () => {
  const { status, stderr } = bench('--estimate', 'voodoo-2');
  const names = [...GPU_NAMES, 'list'].join(', ');
  expect({ status, errors: errorsIn(stderr) }).toEqual({
    status: 2,
    errors: [`--estimate is "voodoo-2", expected one of ${names}`],
  });
});
