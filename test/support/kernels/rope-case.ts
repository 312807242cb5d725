// Checks of the kernels that rotate: queries and the cache within their bounds, whole and for each token alone.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import type { CacheShape } from '../../../src/kernels/kv-write/paged-cache.ts';
import { expectedRope } from '../../../src/kernels/rope-kv-write/expected.ts';
import {
  normRopeOperands,
  type RopeInputs,
  ropeInputs,
  ropeOperands,
} from '../../../src/kernels/rope-kv-write/operands.ts';
import { normRopeKVWrite, ropeKVWrite } from '../../../src/kernels/rope-kv-write/rope-kv-write.ts';
import { ropeNaive } from '../../../src/kernels/rope-kv-write/rope-naive.ts';
import { compareBits, compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel, runOutputs } from './run-kernel.ts';

/** Heads and cache of a case; `eps` where heads have norms. */
export interface RopeShape extends CacheShape {
  /** Query heads of each key head. */
  readonly SHARE: number;
  readonly eps?: number;
}

/** The kernels under test, or others in their places. */
export interface RopeKernels {
  readonly plain: Kernel<typeof ropeKVWrite.spec>;
  readonly normed: Kernel<typeof normRopeKVWrite.spec>;
}

const KERNELS: RopeKernels = { plain: ropeKVWrite, normed: normRopeKVWrite };

/** Expects rotated queries, keys and values in their slots, nothing anywhere else, and each token's bits when it is alone. */
export async function checkRope(
  device: Device,
  { SHARE, eps, ...cache }: RopeShape,
  kernels: RopeKernels = KERNELS,
  tuning: VariantChoice = {},
): Promise<void> {
  const inputs = ropeInputs(3, cache, { H: SHARE * cache.G, eps: eps ?? null });
  const label = JSON.stringify({ ...cache, SHARE, eps, ...tuning });
  const got = await runRope(device, inputs, kernels, tuning);
  for (const [name, { want, tolerance, toNumbers }] of Object.entries(expectedRope(inputs))) {
    assertPasses(compareWithin(toNumbers(got[name]!), want, tolerance!, { label: `${name}, ${label}` }));
  }
  const width = inputs.qkv.length / inputs.slots.length;
  for (const t of [0, 2, inputs.slots.length - 1]) {
    const alone = await runRope(device, tokenOf(inputs, t, width), kernels, tuning);
    assertPasses(
      compareBits(alone.qkv!, got.qkv!.slice(t * width, (t + 1) * width), { label: `token ${t} alone, ${label}` }),
    );
  }
}

function runRope(
  device: Device,
  inputs: RopeInputs,
  { plain, normed }: RopeKernels,
  tuning: VariantChoice,
): Promise<Record<string, Uint32Array>> {
  const choice = { ...tuning, conditions: { KV_F16: inputs.cache.dtype === 'f16' } };
  if (inputs.norms === null) {
    const { tensors, scalars } = ropeOperands(inputs);
    return runOutputs(device, plain, tensors, scalars, choice);
  }
  const { tensors, scalars } = normRopeOperands(inputs, inputs.norms);
  return runOutputs(device, normed, tensors, scalars, choice);
}

function tokenOf(inputs: RopeInputs, t: number, width: number): RopeInputs {
  return {
    ...inputs,
    qkv: inputs.qkv.slice(t * width, (t + 1) * width),
    positions: inputs.positions.slice(t, t + 1),
    slots: inputs.slots.slice(t, t + 1),
  };
}

/** Expects the queries of `expectedRope` of the plain form, which rounds a product once more. */
export async function checkRopeNaive(
  device: Device,
  cache: CacheShape,
  kernel: Kernel<typeof ropeNaive.spec> = ropeNaive,
): Promise<void> {
  const { D } = cache;
  const inputs = ropeInputs(4, cache, { H: cache.G });
  const T = inputs.slots.length;
  const width = inputs.qkv.length / T;
  const queries = (all: Float32Array | Float64Array) =>
    Float64Array.from({ length: T * cache.G * D }, (_, i) => {
      return all[Math.floor(i / (cache.G * D)) * width + (i % (cache.G * D))]!;
    });
  const { want, tolerance } = expectedRope(inputs).qkv;
  const tensors = {
    x: hostTensor(Float32Array.from(queries(inputs.qkv)), T, cache.G, D),
    rope: hostTensor(inputs.rope, inputs.rope.length / D, D),
    positions: hostTensor(inputs.positions, T),
    out: unwritten(T, cache.G, D),
  };
  const words = await runKernel(device, kernel, tensors, {});
  assertPasses(compareWithin(floatsOf(words), queries(want), queries(tolerance!), { label: `rope_naive, D ${D}` }));
}
