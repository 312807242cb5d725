// Contest of the attention of decode rows: fixed splits, folded in their order, against one softmax over the whole context and
// against splits as large as fill the machine.
import { canRun } from '../../src/gpu/can-run.ts';
import type { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { NO_WINDOW, TILE_KEYS } from '../../src/kernels/attention/attention.ts';
import { attentionCost, CACHED_SCALE } from '../../src/kernels/attention/workload.ts';
import type { ModelDispatch } from '../../src/kernels/examination.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { workloadsOf } from '../../src/kernels/workloads.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { prepareDispatch } from '../kernels/cases.ts';
import { type Contest, type Contestant, dispatchOf } from './contest.ts';
import { CONTROLS, type Controls } from './controls.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;

/** Sizes of controls that are tried. */
interface ControlSizes {
  /** Lanes of a workgroup of one softmax over the whole context. */
  readonly wholeLanes: readonly number[];
  /** Keys and lanes of a workgroup of a split. */
  readonly splits: readonly Readonly<Record<'KEYS' | 'LANES', number>>[];
}

const GPU_SIZES: ControlSizes = {
  wholeLanes: [64, 128, 256],
  splits: [
    { KEYS: 32, LANES: 32 },
    { KEYS: 64, LANES: 64 },
    { KEYS: 128, LANES: 128 },
    { KEYS: 256, LANES: 256 },
  ],
};
/** Sizes for a few wide lanes of a processor, for which every lane more is work. */
const SOFTWARE_SIZES: ControlSizes = {
  wholeLanes: [16, 32],
  splits: [
    { KEYS: 128, LANES: 16 },
    { KEYS: 512, LANES: 32 },
  ],
};

/** Decode step over a cache on the device. */
interface DecodeStep {
  readonly step: StepTokens;
  readonly inputs: Readonly<Record<'qkv' | 'kv' | 'positions' | 'sequence_index' | 'block_tables', Tensor>>;
  readonly scale: number;
  readonly KV_F16: boolean;
  /** Query heads, and those that share a head of keys and values. */
  readonly H: number;
  readonly SHARE: number;
  readonly D: number;
  readonly out: Tensor;
}

/**
 * Makes the contest of the attention of a decode step; its tensors belong to `owned`.
 *
 * @param first the model's dispatch over the cache.
 * @param fold the one that folds its splits; null where one split holds all keys.
 */
export async function attentionContest(
  device: Device,
  owned: DisposableStack,
  { first, fold }: { readonly first: ModelDispatch; readonly fold: ModelDispatch | null },
  step: StepTokens,
  controls: Controls = CONTROLS,
): Promise<Contest> {
  const { kernel, dims, variant } = first;
  const [workload] = workloadsOf(kernel.name).list({ dims, use: first.use }, step);
  const { tensors, scalars } = prepareDispatch(device, owned, { kernel, dims, step }, workload!, variant);
  const { G = 0, SHARE = 1, D = 0, W = 0 } = { ...dims, ...variant.constants };
  const H = G * SHARE;
  const tensor = (name: string) => tensorOf(tensors, name);
  const out = fold === null ? tensor('out') : owned.use(Tensor.create(device, 'out', 'f32', [step.sequences, H * D]));
  const dispatches = [await dispatchOf(device, kernel, tensors, scalars, variant)];
  if (fold !== null) {
    const operands = { partials: tensor('partials'), positions: tensor('positions'), out };
    const ofFold = { count: step.sequences, D };
    dispatches.push(await dispatchOf(device, fold.kernel, operands, ofFold, fold.variant));
  }
  const decode: DecodeStep = {
    step,
    inputs: {
      qkv: tensor('qkv'),
      kv: tensor('kv'),
      positions: tensor('positions'),
      sequence_index: tensor('sequence_index'),
      block_tables: tensor('block_tables'),
    },
    scale: scalars.scale ?? 0,
    KV_F16: variant.conditions.KV_F16 ?? false,
    H,
    SHARE,
    D,
    out,
  };
  const bound = attentionBound(D, step.context);
  return {
    ours: { name: dispatches.map(({ label }) => label).join(' + '), dispatches },
    controls: [...(await wholes(device, decode, controls)), ...(await splits(device, owned, decode, controls))],
    cost: attentionCost({ G, SHARE, D, W, ROWS: 1, tileTokens: 1, window: NO_WINDOW }, step),
    out,
    tolerance: () => 2 * bound,
  };
}

/**
 * Bound for attention in any order over keys and values up to V = CACHED_SCALE, queries up to 1. A score and the maximum err by
 * (D + 2) u a each, a = √D V. A weight passes at most n exps, of its tile, split, group and row, each of which errs by
 * (3 + 2 · 2 a) units of 2 u and by the rounding of its argument; v differs from the output by at most 2 V. A sum has at most a
 * term a key and two roundings a rescaling; there are two sums, and the division errs by 2.5 units.
 */
function attentionBound(D: number, context: number): number {
  const a = Math.sqrt(D) * CACHED_SCALE;
  const n = 2 * ceilDiv(context, TILE_KEYS) + 2;
  const weight = U * (2 * (D + 2) * a + n * (6 + 10 * a));
  return CACHED_SCALE * (2 * weight + U * (2 * (context + 2 * n) + 5));
}

async function wholes(
  device: Device,
  { step, inputs, scale, KV_F16, SHARE, D, out }: DecodeStep,
  { freeAttention }: Controls,
): Promise<Contestant[]> {
  const KEYS = 2 ** Math.ceil(Math.log2(step.context));
  const made: Contestant[] = [];
  for (const LANES of sizesFor(device).wholeLanes) {
    const choice = { conditions: { KV_F16 }, constants: { D, SHARE, LANES, KEYS } };
    if (!canRun(freeAttention, device.traits, choice)) continue;
    const dispatch = await dispatchOf(device, freeAttention, { ...inputs, out }, { scale }, choice);
    made.push({ name: `free_attention LANES=${LANES}`, dispatches: [dispatch] });
  }
  return made;
}

async function splits(
  device: Device,
  owned: DisposableStack,
  decode: DecodeStep,
  { freeAttentionSplit, freeFold }: Controls,
): Promise<Contestant[]> {
  const { step, inputs, scale, KV_F16, H, SHARE, D, out } = decode;
  const made: Contestant[] = [];
  for (const sizes of sizesFor(device).splits.filter(({ KEYS }) => KEYS < step.context)) {
    const { KEYS: keys } = sizes;
    const choice = { conditions: { KV_F16 }, constants: { ...sizes, D, SHARE } };
    if (!canRun(freeAttentionSplit, device.traits, choice)) continue;
    const shape = [step.sequences, H, ceilDiv(step.context, keys), D + 2];
    const partials = owned.use(Tensor.create(device, 'partials', 'f32', shape));
    const split = await dispatchOf(device, freeAttentionSplit, { ...inputs, partials }, { scale }, choice);
    const fold = await dispatchOf(device, freeFold, { partials, positions: inputs.positions, out }, { D, keys });
    made.push({ name: `free_attention_split KEYS=${keys} LANES=${sizes.LANES}`, dispatches: [split, fold] });
  }
  return made;
}

function sizesFor({ traits: { isSoftware } }: Device): ControlSizes {
  return isSoftware ? SOFTWARE_SIZES : GPU_SIZES;
}

function tensorOf(operands: Readonly<Record<string, unknown>>, name: string): Tensor {
  const found = operands[name];
  if (found instanceof Tensor) return found;
  throw new RangeValueError(name, found, 'a tensor of the dispatch');
}
