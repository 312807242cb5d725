// Control kernels: they compute what kernels of the library do, summing in no fixed order, as engines that make no promise about
// bits do. Each is written for a GPU; they are no part of the library.
import { readFileSync } from 'node:fs';
import type { DeviceTraits } from '../../src/gpu/device-traits.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { read, readPacked, type Sizes, write } from '../../src/gpu/kernel-spec.ts';
import { F32_CONDITIONS } from '../../src/kernels/weights/weight-tiles.ts';
import { ceilDiv } from '../../src/util/math.ts';

/** Columns of a quad, and elements of a vector of f32. */
export const QUAD = 4;
/** Bytes that a workgroup may share on any adapter. */
const MAX_SHARED_BYTES = 16384;
/** Lanes of the narrowest subgroup that WGSL knows. */
const MIN_SUBGROUP = 4;

const operands = { x: read('M', 'K'), w: readPacked('K', 'N'), bias: read('N') };
const modules = { free_operands: shaderText('free_operands') };

/** out[M, N] = x[M, K] · w[K, N] + bias[N]: lanes over columns and k, sums of lanes added inside subgroups. */
const freeDot = defineKernel({
  name: 'free_dot',
  source: shaderText('free_dot'),
  modules,
  bindings: { ...operands, out: write('M', 'N') },
  params: { M: 'u32', N: 'u32', K: 'u32' },
  conditions: () => F32_CONDITIONS,
  constants: ({ minSubgroupSize }) => ({ ROWS: 1, K_QUADS: 4, QUADS: 8, LANES: 64, SUBGROUP: minSubgroupSize }),
  supports: ({ constants: { ROWS, QUADS, LANES, SUBGROUP } }, traits) => {
    if (QUADS > SUBGROUP) return `QUADS is ${QUADS}, expected at most the ${SUBGROUP} lanes of a subgroup`;
    const bytes = (16 * ROWS * QUADS * LANES) / SUBGROUP;
    return bytes > MAX_SHARED_BYTES ? `${bytes} bytes of ${MAX_SHARED_BYTES} shared` : needsSubgroups(traits);
  },
  accepts: ({ K }) => wholeQuads('K', K),
  workgroups: ({ M, N }, { constants: { ROWS, QUADS } }) => [ceilDiv(N, QUAD * QUADS), ceilDiv(M, ROWS), 1],
});

/** As `freeDot`, with K cut into parts of `span`: leaves partials[Z, M, N] for `freeSum`, or the result where Z is 1. */
const freeSplit = defineKernel({
  name: 'free_split',
  source: shaderText('free_split'),
  modules,
  bindings: { ...operands, partials: write('Z', 'M', 'N') },
  params: { M: 'u32', N: 'u32', K: 'u32', span: 'u32' },
  conditions: () => F32_CONDITIONS,
  constants: () => ({ ROWS: 1, K_QUADS: 4, LANES: 32 }),
  accepts: ({ K }) => wholeQuads('K', K),
  workgroups: ({ M, N, Z }, { constants: { ROWS, LANES } }) => [ceilDiv(N, QUAD * LANES), ceilDiv(M, ROWS), Z],
});

/** out[M, N] of partials[Z, M, N]. */
const freeSum = defineKernel({
  name: 'free_sum',
  source: shaderText('free_sum'),
  bindings: { partials: read('Z', 'M', 'N'), out: write('M', 'N') },
  params: { Z: 'u32', M: 'u32', N: 'u32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ M, N }, { overrides: { LANES } }) => [ceilDiv(M * N, LANES), 1, 1],
});

type Heads = Sizes<'G' | 'SHARE' | 'D'>;

const overCache = {
  qkv: read('T', ({ G, SHARE, D }: Heads) => G * (SHARE + 2) * D),
  kv: read.u32('B', 2, 'G', 'P', 'W'),
  positions: read.i32('T'),
  sequence_index: read.i32('T'),
  block_tables: read.i32('S', 'A'),
};

interface AttentionControl {
  readonly conditions: { readonly KV_F16: boolean };
  readonly constants: Sizes<'D' | 'SHARE' | 'LANES' | 'KEYS'>;
}

const attentionConstants = () => ({ D: 64, SHARE: 1, LANES: 64, KEYS: 64 });

function supportsAttention({ conditions, constants }: AttentionControl, traits: DeviceTraits): string | null {
  const { D, LANES, KEYS } = constants;
  const vectors = D / QUAD / (conditions.KV_F16 ? 2 : 1);
  if (!Number.isInteger(vectors) || LANES % vectors !== 0 || LANES < D / QUAD)
    return `LANES is ${LANES}, expected a multiple of the ${vectors} vectors of a value and at least ${D / QUAD}`;
  const bytes = 4 * D + 8 * KEYS + 16 * LANES * (conditions.KV_F16 ? 2 : 1) + (8 * LANES) / MIN_SUBGROUP;
  return bytes > MAX_SHARED_BYTES ? `${bytes} bytes of ${MAX_SHARED_BYTES} shared` : needsSubgroups(traits);
}

/** Attention of decode rows, out[T, H·D], H = G·SHARE, with one softmax over at most KEYS keys. */
const freeAttention = defineKernel({
  name: 'free_attention',
  source: shaderText('free_attention'),
  bindings: { ...overCache, out: write('T', ({ G, SHARE, D }: Heads) => G * SHARE * D) },
  params: { A: 'u32', G: 'u32', P: 'u32', scale: 'f32' },
  conditions: () => ({ KV_F16: false, SPLIT: false }),
  constants: attentionConstants,
  supports: supportsAttention,
  workgroups: ({ T, G }, { constants: { SHARE } }) => [T, G * SHARE, 1],
});

/** As `freeAttention`, with a workgroup for each KEYS keys: leaves partials[T, H, Z, D + 2] for `freeFold`. */
const freeAttentionSplit = defineKernel({
  name: 'free_attention_split',
  source: shaderText('free_attention'),
  bindings: {
    ...overCache,
    partials: write(
      'T',
      ({ G, SHARE }: Heads) => G * SHARE,
      'Z',
      ({ D }: Heads) => D + 2,
    ),
  },
  params: { A: 'u32', G: 'u32', P: 'u32', Z: 'u32', scale: 'f32' },
  conditions: () => ({ KV_F16: false, SPLIT: true }),
  constants: attentionConstants,
  supports: supportsAttention,
  workgroups: ({ T, G, Z }, { constants: { SHARE } }) => [T, G * SHARE, Z],
});

/** out[T, H·D] from the partials[T, H, Z, D + 2] of splits of `keys` keys. */
const freeFold = defineKernel({
  name: 'free_fold',
  source: shaderText('free_fold'),
  bindings: {
    partials: read('T', 'H', 'Z', ({ D }: Sizes<'D'>) => D + 2),
    positions: read.i32('T'),
    out: write('T', ({ H, D }: Sizes<'H' | 'D'>) => H * D),
  },
  params: { H: 'u32', Z: 'u32', D: 'u32', keys: 'u32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ T, H, D }, { overrides: { LANES } }) => [ceilDiv(D, LANES), H, T],
});

/** Row layer norm, out[M, C] from x[M, C], gamma[C], beta[C]: sums of lanes added by subgroupAdd. */
const freeLayernorm = defineKernel({
  name: 'free_layernorm',
  source: shaderText('free_layernorm'),
  bindings: { x: read('M', 'C'), gamma: read('C'), beta: read('C'), out: write('M', 'C') },
  params: { M: 'u32', C: 'u32', eps: 'f32' },
  constants: () => ({ LANES: 64, HELD: 3 }),
  supports: (_, traits) => needsSubgroups(traits),
  accepts: ({ C }, { constants: { LANES, HELD } }) =>
    C > QUAD * LANES * HELD
      ? `C is ${C}, expected at most the ${QUAD * LANES * HELD} that lanes hold`
      : wholeQuads('C', C),
  workgroups: ({ M }) => [M, 1, 1],
});

/** The controls; others of the same declarations may stand in their places. */
export const CONTROLS = {
  freeDot,
  freeSplit,
  freeSum,
  freeAttention,
  freeAttentionSplit,
  freeFold,
  freeLayernorm,
} as const;

/** The controls of a contest. */
export type Controls = typeof CONTROLS;

/** Controls that exchange sums inside subgroups. */
const WITH_SUBGROUPS: readonly Kernel[] = [freeDot, freeAttention, freeAttentionSplit, freeLayernorm];

/** Lists the names of the controls that a device can't run. */
export function skippedControls({ minSubgroupSize }: Pick<DeviceTraits, 'minSubgroupSize'>): readonly string[] {
  return minSubgroupSize < MIN_SUBGROUP ? WITH_SUBGROUPS.map(({ name }) => name) : [];
}

function needsSubgroups({ minSubgroupSize }: DeviceTraits): string | null {
  return minSubgroupSize < MIN_SUBGROUP ? 'expected a device with subgroups' : null;
}

function wholeQuads(name: string, size: number): string | null {
  return size % QUAD === 0 ? null : `${name} is ${size}, expected a multiple of ${QUAD}`;
}

function shaderText(name: string): string {
  return readFileSync(new URL(`shaders/${name}.wgsl`, import.meta.url), 'utf8');
}
