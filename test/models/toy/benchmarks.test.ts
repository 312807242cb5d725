// The benchmarks of the toy: the kernel benchmark times the toy's dispatches, and the profile has a row for each of them.
import { expect, test } from 'vitest';
import { kernelCases } from '../../../bench/kernels/cases.ts';
import { StepKernels } from '../../../bench/profile/step-kernels.ts';
import { decodeStep, prefillStep } from '../../../bench/profile/step-plans.ts';
import { planBatch } from '../../../src/core/plan-batch.ts';
import { Device } from '../../../src/gpu/device.ts';
import type { Dims } from '../../../src/gpu/kernel-spec.ts';
import { modelKernels } from '../../../src/models/kernels.ts';
import { RandomCheckpoint } from '../../../src/models/random-checkpoint.ts';
import { parseModel } from '../../../src/models/registry.ts';
import { ModelRunner } from '../../../src/runtime/model-runner.ts';
import { resolveSizes } from '../../../src/runtime/runtime-sizes.ts';
import { toy } from './toy.ts';

const sizes = { depth: 3, heads: 2, head_width: 16, width: 24, vocabulary: 61, places: 48 };
const model = parseModel({ model_type: 'toy', ...sizes }, 'toy', [toy]);

const weightOf = ({ K, N }: Dims) => `${K} × ${N}`;

test('the kernel benchmark has a case for each matmul of a toy, by its place, with a star for the variant that it takes', async () => {
  using device = await Device.open();
  const cases = kernelCases({ device, kernels: modelKernels, model, storage: 'f32', kvDtype: 'f32' });
  const matmuls = cases.filter(({ kernel, M }) => kernel.name.startsWith('matmul') && M === 8);
  const described = matmuls.map(({ kernel, name, variants, choice, prepare }) => {
    using owned = new DisposableStack();
    const { tensors, scalars } = prepare(owned, choice);
    const { dims } = kernel.solve(device.traits, tensors, scalars, choice);
    const star = variants.some(({ usedByModel }) => usedByModel) ? '* ' : '';
    return `${star}${kernel.name} ${name}: ${weightOf(dims)}`;
  });
  expect(described.sort()).toEqual([
    '* matmul LM head: 24 × 61',
    '* matmul mixing: 32 × 24',
    '* matmul narrowing: 72 × 24',
    '* matmul widening: 24 × 72',
    '* matmul_kv_write qkv: 24 × 96',
    // A kernel that the toy does without, beside that in its place.
    'matmul qkv: 24 × 96',
    'matmul_naive qkv: 24 × 96',
  ]);
  const attention = cases.filter(({ kernel }) => kernel === modelKernels.attention);
  expect(new Set(attention.map(({ name }) => name))).toEqual(new Set(['decode, 48 keys', 'prefill']));
});

test('the profile has a row for each dispatch of a toy, as often as it has layers', async () => {
  using device = await Device.open();
  const resolved = resolveSizes(model.config, { maxBatchSize: 3 }, 'f32', device);
  await using runner = await ModelRunner.create(device, model, new RandomCheckpoint(model, 0), resolved);
  const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
  for (const { rows, sequences, queries } of [decodeStep(resolved, sampling), prefillStep(resolved, sampling)]) {
    using kernels = new StepKernels(device, runner.record(planBatch(rows, resolved).plan));
    await kernels.run();
    const ofMatmuls = kernels.measured().filter(({ label }) => label.startsWith('matmul'));
    expect(
      ofMatmuls.map(({ label, dims, dispatches }) => [label.split('[')[0], dims.M, weightOf(dims), dispatches]),
    ).toEqual([
      ['matmul_kv_write', sequences * queries, '24 × 96', 3],
      ['matmul', sequences * queries, '24 × 72', 3],
      ['matmul', sequences * queries, '32 × 24', 3],
      ['matmul', sequences * queries, '72 × 24', 3],
      ['matmul', sequences, '24 × 61', 1],
    ]);
  }
});
