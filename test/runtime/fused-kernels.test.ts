// Norms that matmuls take in: where a model does so, and where it runs both apart; its bits are the same, and so are those of
// the other variants that only a GPU takes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launcher } from '../../src/doctor/launcher.ts';
import { Device } from '../../src/gpu/device.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../src/gpu/kernel-spec.ts';
import { overlay } from '../../src/gpu/overlay.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import { ModelWork } from '../../src/kernels/examination.ts';
import { examineNormMatmul, examineNormMatmulKVWrite } from '../../src/kernels/matmul/examination.ts';
import type { ModelDefinition } from '../../src/models/architecture.ts';
import { type ModelKernels, modelKernels } from '../../src/models/kernels.ts';
import { parseModel } from '../../src/models/registry.ts';
import type { StepSink } from '../../src/models/step.ts';
import { forward } from '../../src/runtime/forward.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { modelWork, untunedParts } from '../../src/runtime/model-work.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { stepShapes } from '../../src/runtime/step-shape.ts';
import type { Fallback } from '../../src/tuning/verify-tuning.ts';
import { asGpu } from '../support/gpu/as-gpu.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { fakeProbes } from '../support/models/fake-probes.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';
import { tuningCacheOfEachTest } from '../support/models/tuning-cache.ts';

let software: Device;
let device: Device;
beforeAll(async () => {
  software = await Device.open({ reduction: 'gpu', features: 'base' });
  device = asGpu(software);
});
afterAll(() => software.close());

const model = parseModel(
  { n_layer: 2, n_head: 2, n_embd: 64, n_inner: 70, vocab_size: 97, n_positions: 64 },
  'a model of two layers',
);
const sizesOn = (on: Device) => resolveSizes(model.config, { maxBatchSize: 2, maxBatchTokens: 16 }, 'f32', on);

/** Shapes of the steps that generate and pool nothing: a sum of hidden states takes all tokens, normed apart. */
const shapesOn = (on: Device) => stepShapes(sizesOn(on)).map((shape) => ({ ...shape, numPooledRows: 0 }));

/** Work of the steps that generate. */
const workOf = (on: Device, of: ModelDefinition, kernels: ModelKernels = modelKernels) => {
  const dispatches = listDispatches(on.traits, untunedParts(on, of, sizesOn(on), kernels), shapesOn(on));
  return new ModelWork(Object.values(kernels), dispatches);
};

describe('a model', () => {
  const numDispatches = (on: Device, kernels: ModelKernels = modelKernels) => {
    const work = workOf(on, model, kernels);
    const dispatches = (name: keyof ModelKernels) => {
      const kernel: Kernel = kernels[name];
      return work.of(kernel).filter(({ dims }) => dims.M === 1).length;
    };
    return { fused: dispatches('normMatmul') + dispatches('normMatmulKVWrite'), norms: dispatches('layernorm') };
  };

  test('takes every norm of a decode step into a matmul on a GPU, and none on a software adapter', () => {
    // The dispatches of both layers are alike; those of queries, MLP and LM head are not.
    expect(numDispatches(device)).toEqual({ fused: 3, norms: 0 });
    expect(numDispatches(software)).toEqual({ fused: 0, norms: 1 });
  });

  test('does so with RMS norms, and runs one of its own in the place of the norm', () => {
    const sizes = { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 };
    const vocabulary = { vocab_size: 97, max_position_embeddings: 64, intermediate_size: 70 };
    const llama = parseModel({ model_type: 'llama', ...sizes, ...vocabulary, rms_norm_eps: 1e-5 }, 'a small llama');
    const dispatches = (kernels: ModelKernels, ...names: readonly (keyof ModelKernels)[]) => {
      const work = workOf(device, llama, kernels);
      return names.map((name) => work.of<KernelSpec>(kernels[name]).filter(({ dims }) => dims.M === 1).length);
    };
    // Queries with keys and values, gates, LM head.
    expect(dispatches(modelKernels, 'rmsnormMatmul', 'rmsnorm', 'normMatmul')).toEqual([3, 0, 0]);
    const other = { ...modelKernels, rmsnorm: mutant(modelKernels.rmsnorm, []) };
    expect(dispatches(other, 'rmsnormMatmul', 'rmsnorm')).toEqual([0, 1]);
  });

  test.each(['layernorm', 'matmul', 'matmulKVWrite'] as const)('runs a %s in the place of its own', (name) => {
    const library: Kernel = modelKernels[name];
    const other = mutant<KernelSpec>(library, []);
    const { fused, norms } = numDispatches(device, { ...modelKernels, [name]: other });
    expect(fused).toBe({ layernorm: 0, matmul: 1, matmulKVWrite: 2 }[name]);
    expect(norms).toBe(1);
  });

  test.each([1280, 1600])(
    'of width %i has no variant at any number of rows that is not among those compiled',
    (n_embd) => {
      const wide = parseModel({ n_layer: 1, n_head: n_embd / 64, n_embd, vocab_size: 50257, n_positions: 64 }, 'wide');
      const sizes = resolveSizes(wide.config, { maxBatchSize: 16, maxBatchTokens: 16 }, 'f16', device);
      const work = modelWork(device, wide, sizes);
      const labels = (kernel: Kernel) => work.of(kernel).map(({ variant }) => labelOf(kernel.name, variant));
      const compiled = new Set(Object.values(modelKernels).flatMap((kernel: Kernel) => labels(kernel)));
      const taken = new Set<string>();
      const sink: StepSink = {
        add: (kernel, tensors, scalars, choice) =>
          taken.add(labelOf(kernel.name, kernel.solve(device.traits, tensors, scalars, choice).variant)),
      };
      const [decode] = stepShapes(sizes);
      for (let M = 1; M <= 16; M++) {
        const shape = { ...decode!, numTokens: M, numDecodeTokens: M, numLogitsRows: M };
        forward(sink, untunedParts(device, wide, sizes), shape);
      }
      expect([...taken].filter((label) => !compiled.has(label))).toEqual([]);
      expect([...taken].some((label) => label.startsWith('norm_'))).toBe(true);
    },
  );

  test('has a norm apart where its output is a point that is read, and in no other place', () => {
    const added: string[] = [];
    const sink: StepSink = {
      add: ({ name }) => added.push(name),
      probes: fakeProbes({ has: (point) => point === 'blocks.1.attn_in' || point === 'blocks.1.mlp_in' }),
    };
    const [decode] = shapesOn(device);
    forward(sink, untunedParts(device, model, sizesOn(device)), decode!);
    expect(added.filter((name) => name === 'layernorm')).toHaveLength(2);
    expect(added.filter((name) => name.startsWith('norm_'))).toHaveLength(2 * model.config.numLayers - 1);
  });
});

test('the doctor finds matmuls that take a norm in right, and another epsilon', {
  tags: ['slow'],
}, async () => {
  const sizes = resolveSizes(model.config, { maxBatchSize: 1, maxBatchTokens: 1 }, 'f32', device);
  const wrong = mutant(modelKernels.normMatmul, [['scale_of(sum, params.eps)', 'scale_of(sum, params.eps + 0.01)']]);
  const worstOf = async (kernels: ModelKernels) => {
    const work = modelWork(device, model, sizes, kernels);
    const cases = [examineNormMatmul(work), examineNormMatmulKVWrite(work)].flatMap((each) => [...each.cases]);
    expect(cases.length).toBe(4);
    let worst = 0;
    for (const { kernel, fixed = {}, model: choices = [], whole, expected } of cases) {
      using owned = new DisposableStack();
      const words = await whole.run(launcher(device, owned), overlay(choices[0] ?? {}, fixed));
      expect(kernel.name).toMatch(/^norm_/);
      const { want, tolerance, toNumbers } = expected;
      toNumbers(words).forEach((got, i) => {
        const error = Math.abs(got - want[i]!);
        if (error > 0) worst = Math.max(worst, error / tolerance![i]!);
      });
    }
    return worst;
  };
  expect(await worstOf(modelKernels)).toBeLessThanOrEqual(1);
  expect(await worstOf({ ...modelKernels, normMatmul: wrong })).toBeGreaterThan(1);
});

describe('the logits of a model', { tags: ['slow'] }, () => {
  const logits = async (on: Device, options: Parameters<typeof openRunner>[2] = {}) => {
    // One token a step: each further number of rows is more large programs to compile.
    const sizes = { dtype: 'f16', maxBatchSize: 1, maxBatchTokens: 1, maxModelLen: 64 } as const;
    await using runner = await openRunner(on, 'test/fixtures/models/plain', { ...sizes, verify: false, ...options });
    const [place] = places(runner, 1, 40);
    const sequence = new TestSequence([5, 99, 17, 30, 2], place!);
    while (sequence.ids.length < 4) await step(runner, [sequence], 1);
    return sequence.logits;
  };
  tuningCacheOfEachTest();

  test('have the same bits in a GPU’s variants, which take norms in, as in those of a software adapter', async () => {
    const want = await logits(software);
    expect(await logits(device)).toEqual(want);
    const wrong = mutant(modelKernels.normMatmul, [['scale_of(sum, params.eps)', 'scale_of(sum, 2.0 * params.eps)']]);
    const kernels = { ...modelKernels, normMatmul: wrong };
    expect(await logits(device, { kernels })).not.toEqual(want);
    const fallbacks: Fallback[] = [];
    const onFallback = (fallback: Fallback) => fallbacks.push(fallback);
    expect(await logits(device, { kernels, verify: true, onFallback })).toEqual(want);
    expect(new Set(fallbacks.map(({ base }) => base))).toEqual(new Set(['layernorm and matmul']));
    for (const { variant } of fallbacks) expect(variant).toMatch(/^norm_matmul\[/);
  });
});
