// Cases of the kernel benchmark, without a timing: that no kernel of the library and no dispatch of a model is missed, that
// nothing in the benchmark knows a model, and that a kernel takes the operands that are made for it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIZES, type TimedModel } from '../../../bench/kernels/case.ts';
import { kernelCases } from '../../../bench/kernels/cases.ts';
import { Device } from '../../../src/gpu/device.ts';
import { defineKernel, Kernel } from '../../../src/gpu/kernel.ts';
import { type BindingSpec, read, write } from '../../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../../src/gpu/tensor.ts';
import { fusionOf } from '../../../src/kernels/fusions.ts';
import * as library from '../../../src/kernels/index.ts';
import { layernorm } from '../../../src/kernels/layernorm/layernorm.ts';
import { linear } from '../../../src/models/blocks.ts';
import { modelKernels } from '../../../src/models/kernels.ts';
import { parseModel } from '../../../src/models/registry.ts';
import { modelWork } from '../../../src/runtime/model-work.ts';
import { resolveSizes } from '../../../src/runtime/runtime-sizes.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const CONFIG = { model_type: 'gpt2', n_layer: 2, n_head: 3, n_embd: 48, vocab_size: 331, n_positions: 600 };

function timedModel(others: Partial<TimedModel> = {}): TimedModel {
  const model = parseModel(CONFIG, 'small');
  return { device, kernels: modelKernels, model, storage: 'f16', kvDtype: 'f32', ...others };
}

/** Names of the cases of each kernel. */
function namesOf(timed: TimedModel): Record<string, string[]> {
  const names: Record<string, string[]> = {};
  for (const { kernel, name } of kernelCases(timed)) {
    names[kernel.name] ??= [];
    if (!names[kernel.name]!.includes(name)) names[kernel.name]!.push(name);
  }
  return names;
}

/** Dispatches of every step that a runner of default sizes can reach. */
function modelDispatches({ model, kernels, storage, kvDtype }: TimedModel) {
  const sizes = resolveSizes(model.config, { kvDtype }, storage, device);
  const work = modelWork(device, model, sizes, kernels);
  return Object.values(kernels).flatMap((kernel: Kernel) => work.of(kernel));
}

const exported: readonly unknown[] = Object.values(library);
const LIBRARY = exported.flatMap((value) => (value instanceof Kernel ? [value.name] : []));

/** Kernels whose sizes no step of a GPT-2 has. */
const OF_OTHERS = ['rope_kv_write', 'norm_rope_kv_write', 'rope_naive'];

describe('the cases of a GPT-2', () => {
  test('have every kernel of the library that its sizes fit, at each size', () => {
    const cases = kernelCases(timedModel());
    const apart = LIBRARY.filter((name) => fusionOf(name) === null && !OF_OTHERS.includes(name));
    expect(apart.length).toBeGreaterThan(10);
    for (const M of SIZES) {
      const timed = new Set(cases.filter((each) => each.M === M).map(({ kernel }) => kernel.name));
      expect(timed, `M ${M}`).toEqual(new Set(apart));
    }
  });

  test('have on a GPU the matmuls that take a norm in, at few rows, and that of another norm beside them', async () => {
    using gpu = await Device.open({ backend: 'null' });
    const ofFused = kernelCases(timedModel({ device: gpu })).filter(({ kernel: { name } }) => fusionOf(name) !== null);
    expect(new Set(ofFused.map(({ kernel }) => kernel.name))).toEqual(
      new Set(['norm_matmul', 'norm_matmul_kv_write', 'rmsnorm_matmul']),
    );
    expect(Math.max(...ofFused.map(({ M }) => M))).toBeLessThanOrEqual(8);
  });

  test('are those of its matmuls, contexts and ways to draw', () => {
    const matmuls = ['qkv', 'projection', 'MLP', 'MLP projection', 'LM head'];
    const contexts = ['decode, 256 keys', 'decode, 600 keys'];
    expect(namesOf(timedModel())).toEqual({
      embed: ['tokens'],
      embed_tokens: ['tokens'],
      layernorm: ['rows'],
      layernorm_naive: ['rows'],
      silu_mul_naive: ['qkv'],
      rmsnorm: ['rows'],
      rmsnorm_naive: ['rows'],
      matmul_kv_write: ['qkv'],
      matmul: matmuls,
      matmul_naive: ['qkv'],
      kv_write: ['tokens'],
      attention: expect.toSatisfy((names) => names.toSorted().join() === [...contexts, 'prefill'].join()),
      attention_split: ['decode, 600 keys'],
      attention_fold: ['3 splits'],
      attention_naive: ['prefill'],
      pool_hidden: ['tokens'],
      gather_rows: ['rows'],
      adjust_logits: ['256 penalties a row'],
      mask_logits: ['a mask a row'],
      sample: ['greedy', 'top-p'],
      sample_probs: ['greedy', 'top-p'],
      sample_naive: ['greedy', 'top-p'],
      logprobs: ['5 most likely'],
    });
    const cases = kernelCases(timedModel()).filter(({ kernel }) => kernel === modelKernels.attention);
    const prompts = cases.filter(({ name }) => name === 'prefill');
    expect(prompts.map(({ M }) => M)).toEqual([2, 4, 8, 16, 64, 256]);
    // Decode rows have no neighbours to share a tile with.
    const tileRows = ({ variants }: (typeof cases)[number]) =>
      new Set(variants.map(({ choice }) => choice.constants.ROWS));
    for (const each of cases) expect(tileRows(each)).toEqual(new Set(each.name === 'prefill' ? [1, 2, 4, 8] : [1]));
  });

  test('have every dispatch that the model lists, in the variant that it takes', () => {
    const timed = timedModel();
    const cases = kernelCases(timed);
    const dispatches = modelDispatches(timed);
    expect(dispatches.length).toBeGreaterThan(20);
    for (const { kernel, use, dims, variant } of dispatches) {
      const rows = dims.M ?? dims.R ?? dims.T ?? 0;
      // A prompt of one token is a decode row.
      if (!SIZES.includes(rows) || (use === 'prefill' && rows === 1)) continue;
      const fitting = cases.filter((each) => each.kernel === kernel && each.M === rows);
      const found = fitting.filter(({ choice }) => JSON.stringify(choice) === JSON.stringify(variant));
      expect(found, `${kernel.name} ${use} ${rows}`).not.toEqual([]);
      if (kernel === modelKernels.matmul) expect(found.map(({ name }) => name)).toContain(use);
    }
  });

  test('have a star for the variants that the model takes, and for no kernel that it does without', () => {
    const timed = timedModel();
    const starred = kernelCases(timed).filter(({ variants }) => variants.some(({ usedByModel }) => usedByModel));
    const used = new Set(modelDispatches(timed).map(({ kernel }) => kernel.name));
    expect(new Set(starred.map(({ kernel }) => kernel.name))).toEqual(used);
    expect(used).not.toContain('kv_write');
    const names = new Set(starred.map(({ kernel, name }) => `${kernel.name} ${name}`));
    // The keys of two splits go by `attention_split`, and the projection to q, k and v writes the cache, too.
    expect(names).toContain('attention decode, 256 keys');
    expect(names).not.toContain('attention decode, 600 keys');
    expect(names).toContain('attention_split decode, 600 keys');
    expect(names).not.toContain('matmul qkv');
    for (const { kernel, choice, variants } of starred) {
      const taken = variants.filter(({ usedByModel }) => usedByModel);
      expect(taken.map((variant) => variant.choice)).toEqual([kernel.variant(device.traits, choice)]);
    }
  });

  test.each([
    ['f32', 'f16'],
    ['f16', 'f32'],
    ['q8', 'f16'],
  ] as const)('have operands that their kernels take, in %s with keys in %s', async (storage, kvDtype) => {
    const before = device.liveBuffers;
    for (const { kernel, name, M, choice, prepare } of kernelCases(timedModel({ storage, kvDtype }))) {
      if (M !== 8) continue;
      using owned = new DisposableStack();
      const { tensors, scalars, cost } = prepare(owned, choice);
      await kernel.build(device, kernel.choiceFor(tensors, choice));
      const dispatch = kernel.dispatch(device, tensors, scalars, choice);
      expect((cost ?? dispatch.cost)?.bytes, `${kernel.name} ${name}`).toBeGreaterThan(0);
      expect(dispatch.workgroups.every((count) => count >= 1)).toBe(true);
      const { out } = tensors;
      if (out instanceof Tensor) expect(out.shape[0], kernel.name).toBe(M);
    }
    expect(device.liveBuffers).toBe(before);
  });

  test('have indices and rows of parameters that their kernel’s folder makes, none of them left zeros', async () => {
    const seen = new Map<string, boolean>();
    for (const { kernel, M, choice, prepare } of kernelCases(timedModel())) {
      if (M !== 8) continue;
      using owned = new DisposableStack();
      const { tensors } = prepare(owned, choice);
      for (const [name, { access, dtype, packed }] of Object.entries<BindingSpec>(kernel.spec.bindings)) {
        const tensor = tensors[name];
        // Ids that another kernel leaves may be any.
        if (access !== 'read' || dtype === 'f32' || packed || ['next_tokens', 'chosen'].includes(name)) continue;
        const key = `${kernel.name} ${name}`;
        const isMade = tensor instanceof Tensor && (await tensor.read()).some((word) => word !== 0);
        seen.set(key, isMade || (seen.get(key) ?? false));
      }
    }
    expect(seen.size).toBeGreaterThan(10);
    expect([...seen].filter(([, isMade]) => !isMade)).toEqual([]);
  });

  test('have finite results', async () => {
    for (const { kernel, name, M, choice, prepare } of kernelCases(timedModel())) {
      if (M !== 8) continue;
      using owned = new DisposableStack();
      const { tensors, scalars } = prepare(owned, choice);
      await kernel.run(device, tensors, scalars, choice);
      const { out, sampled } = tensors;
      if (out instanceof Tensor) {
        const numbers = await out.readF32();
        expect(numbers.every(Number.isFinite) && numbers.some((each) => each !== 0), `${kernel.name} ${name}`).toBe(
          true,
        );
      }
      // Sampled id, and 1 where the logits are finite.
      if (sampled instanceof Tensor && kernel.name.startsWith('sample')) expect((await sampled.read())[1]).toBe(1);
    }
  });
});

describe('the cases', () => {
  test('are of a short model too, whose contexts need no splits', () => {
    const names = namesOf(timedModel({ model: parseModel({ ...CONFIG, n_positions: 40 }, 'short') }));
    expect(names.attention).toEqual(expect.arrayContaining(['decode, 40 keys', 'prefill']));
    expect(names.attention_split).toBeUndefined();
  });

  test('are of another architecture with no word about it, kernels of its own included', async () => {
    const scale = defineKernel({
      name: 'scale_rows',
      source: `
        @group(0) @binding(0) var<storage, read> x: array<f32>;
        @group(0) @binding(1) var<storage, read> shifts: array<u32>;
        @group(0) @binding(2) var<storage, read_write> out: array<f32>;
        @compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u) {
          out[id.x] = params.factor * x[id.x] + f32(shifts[id.x]);
        }`,
      bindings: { x: read('T', 'C'), shifts: read.u32('T'), out: write('T', 'C') },
      params: { factor: 'f32' },
      workgroups: ({ T }) => [T, 1, 1],
    });
    const gpt2 = parseModel(CONFIG, 'other');
    const model: TimedModel['model'] = {
      ...gpt2,
      layers: (step, _weights, { numTokens: T }) => {
        const C = gpt2.config.hiddenSize;
        const [x, out] = [step.scratch('hidden').prefix([T, C]), step.scratch('normed').prefix([T, C])];
        const operands = { x, shifts: Tensor.meta('shifts', 'u32', [T]), out };
        step.add(scale, operands, { factor: 3 }, {}, 'first');
        step.add(scale, operands, { factor: 5 }, {}, 'second');
      },
    };
    const cases = kernelCases(timedModel({ model }));
    const own = cases.filter(({ kernel }) => kernel === scale);
    expect(new Set(own.map(({ name }) => name))).toEqual(new Set(['first', 'second']));
    expect(own.map(({ M }) => M)).toEqual([...SIZES, ...SIZES]);
    using owned = new DisposableStack();
    const { tensors, scalars } = own[2]!.prepare(owned, own[2]!.choice);
    expect(scalars).toEqual({ factor: 3 });
    await own[2]!.kernel.run(device, tensors, scalars);
    // It has a head as every model, and no attention.
    const kernels = new Set(cases.map(({ kernel }) => kernel.name));
    expect(kernels).toContain('sample');
    expect(kernels).not.toContain('attention');
  });

  // By default matmuls have 32 lanes on a GPU, and their naive form 64.
  test.each([
    ['intel', 32],
    ['nvidia', 64],
  ])(
    'beside those of the model on %s have the values of tunables that it takes, and else their own',
    (vendor, LANES) => {
      const traits = { ...device.traits, isSoftware: false, vendor, minSubgroupSize: 8 };
      const gpu: Device = Object.create(device, { traits: { value: traits } });
      const cases = kernelCases(timedModel({ device: gpu, kvDtype: 'f16' })).filter(({ M }) => M === 64);
      const choices = new Map(cases.map(({ kernel, name, choice }) => [`${kernel.name} ${name}`, choice]));
      const fused = choices.get('matmul_kv_write qkv')!;
      expect(fused).toMatchObject({ constants: { ROWS: 8 }, overrides: { LANES } });
      expect(choices.get('matmul qkv')).toMatchObject({ constants: fused.constants, overrides: fused.overrides });
      expect(choices.get('matmul_naive qkv')).toMatchObject({ overrides: { LANES: 64 } });
      expect(choices.get('attention decode, 600 keys')).toMatchObject({
        conditions: { KV_F16: true },
        constants: { D: 16 },
      });
    },
  );

  test('are of a kernel in the place of a fused one, wherever in the step it has places of its own', () => {
    const gpt2 = parseModel(CONFIG, 'other');
    const model: TimedModel['model'] = {
      ...gpt2,
      layers: (step, weights, shape) => {
        const { hiddenSize: C } = gpt2.config;
        const [x, out] = [step.scratch('hidden'), step.scratch('normed')].map((each) =>
          each.prefix([shape.numTokens, C]),
        );
        linear(step, null, x!, weights.linear('h.0.attn.c_proj'), out!, { use: 'first' });
        gpt2.layers(step, weights, shape);
      },
    };
    expect(namesOf(timedModel({ model })).matmul).toEqual(expect.arrayContaining(['first', 'qkv', 'LM head']));
  });

  test('are of a kernel that stands in the place of the library’s', () => {
    const replaced = defineKernel({ ...layernorm.spec, cost: () => ({ bytes: 1, flops: 1 }) });
    const ownMatmul = defineKernel({ ...modelKernels.matmul.spec, cost: () => ({ bytes: 1, flops: 1 }) });
    const renamed = defineKernel({ ...layernorm.spec, name: 'layernorm_own' });
    const inPlace = kernelCases(timedModel({ kernels: { ...modelKernels, layernorm: replaced } }));
    const norms = inPlace.filter(({ kernel }) => kernel.name === 'layernorm');
    expect(norms.map(({ kernel, M }) => [kernel, M])).toEqual(SIZES.map((M) => [replaced, M]));
    const products = kernelCases(timedModel({ kernels: { ...modelKernels, matmul: ownMatmul } }));
    const matmuls = products.filter(({ kernel }) => kernel.name === 'matmul');
    expect(new Set(matmuls.map(({ kernel }) => kernel))).toEqual(new Set([ownMatmul]));
    expect(matmuls.map(({ name }) => name)).toContain('qkv');
    const underItsName = kernelCases(timedModel({ kernels: { ...modelKernels, layernorm: renamed } }));
    const starred = ({ variants }: (typeof underItsName)[number]) => variants.some(({ usedByModel }) => usedByModel);
    const both = underItsName.filter(({ kernel }) => ['layernorm', 'layernorm_own'].includes(kernel.name));
    expect(both.map((each) => [each.kernel.name, starred(each)])).toEqual([
      ...SIZES.map(() => ['layernorm_own', true]),
      ...SIZES.map(() => ['layernorm', false]),
    ]);
  });
});
