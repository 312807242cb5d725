// The controls of the price of a fixed order: each computes what the kernel of the library does, and a wrong one is refused.
// @module-tag sweep
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attentionContest } from '../../../bench/invariance/attention-contest.ts';
import { type Contest, checkControls } from '../../../bench/invariance/contest.ts';
import { CONTROLS, type Controls, skippedControls } from '../../../bench/invariance/controls.ts';
import { layernormContest } from '../../../bench/invariance/layernorm-contest.ts';
import { matmulContest } from '../../../bench/invariance/matmul-contest.ts';
import { listStep } from '../../../bench/kernels/steps.ts';
import { Device } from '../../../src/gpu/device.ts';
import { Kernel } from '../../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../../src/gpu/kernel-spec.ts';
import type { ReductionClass } from '../../../src/gpu/reduction.ts';
import type { KVDType } from '../../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { modelKernels } from '../../../src/models/kernels.ts';
import { parseModel } from '../../../src/models/registry.ts';

/** Milliseconds that compiling the sizes for GPUs may take. */
const SLOW_MS = 600_000;
const devices = new Map<ReductionClass | 'base', Device>();
beforeAll(async () => {
  for (const reduction of ['software', 'gpu'] as const) devices.set(reduction, await Device.open({ reduction }));
  devices.set('base', await Device.open({ features: 'base' }));
});
afterAll(() => {
  for (const device of devices.values()) device.close();
});

/** Makes a contest, and closes its tensors after `use`. */
async function contest<T>(
  make: (device: Device, owned: DisposableStack) => Promise<Contest>,
  use: (made: Contest, device: Device) => Promise<T> | T,
  on: ReductionClass | 'base' = 'software',
): Promise<T> {
  const device = devices.get(on)!;
  using owned = new DisposableStack();
  return await use(await make(device, owned), device);
}

const check = (made: Contest, device: Device) => checkControls(device, made);

interface MatmulCase {
  readonly M: number;
  readonly dtype: WeightDType;
}

/** K is no multiple of a chunk, and N of no tile and no quad. */
const matmulOf =
  ({ M, dtype }: MatmulCase, controls?: Controls) =>
  (device: Device, owned: DisposableStack) =>
    matmulContest(device, owned, { M, K: 332, N: 71, dtype }, {}, controls);

interface AttentionCase {
  readonly context: number;
  readonly kvDtype: KVDType;
  /** Query heads that share a head of keys and values; 1. */
  readonly share?: number;
}

const attentionOf =
  ({ context, kvDtype, share = 1 }: AttentionCase, controls?: Controls) =>
  (device: Device, owned: DisposableStack) => {
    const heads = { hidden_size: 256, num_attention_heads: 2 * share, num_key_value_heads: 2, head_dim: 64 };
    const sizes = { num_hidden_layers: 1, intermediate_size: 64, vocab_size: 99, max_position_embeddings: 600 };
    const config = { model_type: 'llama', rms_norm_eps: 1e-5, hidden_act: 'silu', ...heads, ...sizes };
    const model = parseModel(config, 'small');
    const step = { sequences: 3, queries: 1, context };
    const dispatches = listStep({ device, kernels: modelKernels, model, storage: 'f32', kvDtype }, step);
    const named = (...names: readonly string[]) => dispatches.find(({ kernel }) => names.includes(kernel.name)) ?? null;
    const [first, fold] = [named('attention', 'attention_split'), named('attention_fold')];
    return attentionContest(device, owned, { first: first!, fold }, step, controls);
  };

const layernormOf = (controls?: Controls) => (device: Device, owned: DisposableStack) =>
  layernormContest(device, owned, { M: 3, C: 204 }, controls);

test('controls of a matmul compute the product of 3 rows in f16', () =>
  contest(matmulOf({ M: 3, dtype: 'f16' }), check));

// Other controls are chosen by their sizes, and the kernel of the other class is what they are compared with: large programs all.
test.each([
  { M: 1, dtype: 'f16', on: 'software' },
  { M: 10, dtype: 'q8', on: 'software' },
  { M: 3, dtype: 'f32', on: 'gpu' },
] as const)(
  'controls of a matmul compute the product of $M rows in $dtype, class $on',
  { tags: ['slow'] },
  ({ on, ...size }) => contest(matmulOf(size), check, on),
);

const titleOfAttention = 'controls of attention attend to $context keys in $kvDtype, heads shared by $share';
const expectAttention = (size: AttentionCase) => contest(attentionOf(size), check);
test.each([{ context: 300, kvDtype: 'f32', share: 3 }] as const)(titleOfAttention, expectAttention);
test.each([{ context: 40, kvDtype: 'f32', share: 1 }] as const)(titleOfAttention, { tags: ['slow'] }, expectAttention);

test('controls of attention attend to 600 keys in f16, class gpu', { tags: ['slow'] }, () =>
  contest(attentionOf({ context: 600, kvDtype: 'f16' }), check, 'gpu'),
);

test.each(['software', 'gpu'] as const)('controls of a layer norm norm rows, class %s', (on) =>
  contest(layernormOf(), check, on),
);

// A software adapter takes minutes to compile them. As a device of a GPU it tries their sizes, but for its narrow subgroups.
test('controls compute the same in the sizes for GPUs', { tags: ['slow'], timeout: SLOW_MS }, async () => {
  using gpu = await Device.open({ reduction: 'software' });
  Object.assign(gpu, { traits: { ...gpu.traits, isSoftware: false } });
  const contests = [
    ...[1, 3, 32].map((M) => matmulOf({ M, dtype: 'f16' })),
    attentionOf({ context: 600, kvDtype: 'f32' }),
    attentionOf({ context: 600, kvDtype: 'f16' }),
    layernormOf(),
  ];
  for (const make of contests) {
    using owned = new DisposableStack();
    const made = await make(gpu, owned);
    expect(made.controls.length).toBeGreaterThan(2);
    await check(made, gpu);
  }
});

/** Makes a control with a fault in its shader. */
function wrong<S extends KernelSpec>(kernel: Kernel<S>, from: string, to: string): Kernel<S> {
  const { source = '' } = kernel.spec;
  if (source.split(from).length !== 2) throw new Error(`${kernel.name} has "${from}" not once`);
  return new Kernel<S>({ ...kernel.spec, source: source.replace(from, to) });
}

const { freeDot, freeSplit, freeSum, freeAttention, freeAttentionSplit, freeFold, freeLayernorm } = CONTROLS;
const matmulWith = (changed: Partial<Controls>) => matmulOf({ M: 3, dtype: 'f16' }, { ...CONTROLS, ...changed });
const attentionWith = (changed: Partial<Controls>) =>
  attentionOf({ context: 300, kvDtype: 'f32', share: 3 }, { ...CONTROLS, ...changed });

/** A control by name, its fault, and the contest that it is in. */
type FaultCase = readonly [name: string, fault: string, make: Parameters<typeof contest>[0]];

const FAULTS: readonly FaultCase[] = [
  ['free_dot', 'leaves out the last k', matmulWith({ freeDot: wrong(freeDot, 'k < params.K', 'k + 4u < params.K') })],
  ['free_split', 'leaves out the bias', matmulWith({ freeSplit: wrong(freeSplit, 'workgroup.z == 0u', 'false') })],
  ['free_attention', 'leaves out a key', attentionWith({ freeAttention: wrong(freeAttention, ']) + 1u', '])') })],
  [
    'free_attention_split',
    'leaves out a key',
    attentionWith({ freeAttentionSplit: wrong(freeAttentionSplit, ']) + 1u', '])') }),
  ],
  [
    'free_layernorm',
    'leaves the mean',
    layernormOf({ ...CONTROLS, freeLayernorm: wrong(freeLayernorm, 'xs[i] -= vec4f(mean);', '') }),
  ],
];
/** A second fault of each: a program more to compile. */
const MORE_FAULTS: readonly FaultCase[] = [
  ['free_dot', 'leaves out lanes', matmulWith({ freeDot: wrong(freeDot, 'step *= 2u', 'step *= 4u') })],
  [
    'free_split',
    'leaves out a part',
    matmulWith({ freeSum: wrong(freeSum, 'z + i < params.Z', 'z + i + 1u < params.Z') }),
  ],
  [
    'free_attention',
    'takes the keys of another head',
    attentionWith({ freeAttention: wrong(freeAttention, 'head / SHARE', 'head % params.G') }),
  ],
  [
    'free_attention_split',
    'takes all splits for equally high',
    attentionWith({ freeFold: wrong(freeFold, 'exp(next[i].x - maximum)', '1.0') }),
  ],
];

test.each(FAULTS)('%s that %s is refused by name', (name, _, make) => expectRefusal(name, make));
test.each(MORE_FAULTS)('%s that %s is refused by name', { tags: ['slow'] }, (name, _, make) =>
  expectRefusal(name, make),
);

async function expectRefusal(name: string, make: Parameters<typeof contest>[0]): Promise<void> {
  await expect(contest(make, check)).rejects.toMatchObject({
    name: 'OutputMismatchError',
    message: expect.stringMatching(
      new RegExp(`^${name} .*: out: element \\d+ of \\d+ is .*, expected .* ± .* of .*; \\d+ differ$`),
    ),
  });
}

test('a control that leaves an element unwritten is refused', async () => {
  const forgetful = async (device: Device, owned: DisposableStack) => {
    const made = await matmulOf({ M: 3, dtype: 'f16' })(device, owned);
    return { ...made, controls: [{ name: 'idle', dispatches: [] }] };
  };
  await expect(contest(forgetful, check)).rejects.toThrow(
    /^idle: out(: element 0 of \d+ is NaN| holds nothing but NaN)/,
  );
});

test('on a device without subgroups, the controls that need them are named, and the others compete', async () => {
  expect(skippedControls({ minSubgroupSize: 0 })).toEqual([
    'free_dot',
    'free_attention',
    'free_attention_split',
    'free_layernorm',
  ]);
  expect(skippedControls({ minSubgroupSize: 4 })).toEqual([]);
  const names = (made: Contest) => [...new Set(made.controls.map(({ name }) => name.split(' ', 1)[0]))];
  expect(await contest(matmulOf({ M: 1, dtype: 'f16' }), names, 'base')).toEqual(['free_split']);
  expect(await contest(attentionOf({ context: 40, kvDtype: 'f32' }), names, 'base')).toEqual([]);
  expect(await contest(layernormOf(), names, 'base')).toEqual([]);
});
