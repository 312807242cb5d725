// The doctor of the toy: it examines the dispatches that the toy lists, and a fault at a size of the toy is found.
// @module-tag sweep
import { expect, test } from 'vitest';
import { runDoctor } from '../../../src/doctor/run-doctor.ts';
import { workOf } from '../../../src/doctor/subject.ts';
import { Device } from '../../../src/gpu/device.ts';
import { examineMatmul } from '../../../src/kernels/matmul/examination.ts';
import { modelKernels } from '../../../src/models/kernels.ts';
import { parseModel } from '../../../src/models/registry.ts';
import { mutant } from '../../support/kernels/mutant.ts';
import { toy } from './toy.ts';

const sizes = { depth: 1, heads: 2, head_width: 16, width: 24, vocabulary: 61, places: 48 };
const model = parseModel({ model_type: 'toy', ...sizes }, 'toy', [toy]);

test('the doctor finds the kernels of a toy right, and a fault at its width alone', { tags: ['slow'] }, async () => {
  using device = await Device.open();
  const epsilon = 'select(params.eps, 0.0, params.C == 24u)';
  const layernorm = mutant(modelKernels.layernorm, [['params.eps', epsilon]]);
  const subject = { device, kernels: { ...modelKernels, layernorm }, model, storage: 'f32', kvDtype: 'f32' } as const;
  const verdicts = new Map<string, string>();
  const notRun: string[] = [];
  for await (const { kernel, verdict, numRuns } of runDoctor(subject)) {
    if (numRuns === 0) notRun.push(kernel);
    verdicts.set(kernel, verdict);
  }
  // Only on a GPU does a model take norms into matmuls; the others are those of the Llama family.
  const fused = ['norm_matmul', 'norm_matmul_kv_write', 'rmsnorm_matmul'];
  expect(notRun.toSorted()).toEqual(
    ['embed_tokens', ...fused, 'norm_rope_kv_write', 'rmsnorm', 'rope_kv_write'].toSorted(),
  );
  expect([...verdicts].filter(([, verdict]) => verdict !== 'ok')).toEqual([['layernorm', 'wrong']]);
  expect(verdicts.size).toBeGreaterThan(10);
});

test('the matmuls that the doctor examines are those of the toy, by their places', async () => {
  using device = await Device.open();
  const work = workOf({ device, kernels: modelKernels, model, storage: 'f32', kvDtype: 'f32' });
  expect([...examineMatmul(work).cases].map(({ whole }) => whole.what)).toEqual([
    'qkv, 9 × 24 · 24 × 96',
    'widening, 9 × 24 · 24 × 72',
    'mixing, 9 × 32 · 32 × 24',
    'narrowing, 9 × 72 · 72 × 24',
    'LM head, 9 × 24 · 24 × 61',
  ]);
});
