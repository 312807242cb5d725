// Choice of attention's variants: decode rows, whole and in splits, and tiles of a prompt, over an invented step.
import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { AttentionStep, type SequenceData } from '../kernels/attention/operands.ts';
import { PREFILL_TILE_ROWS } from '../kernels/attention/query-tiles.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import { type UploadedOperands, uploadOperands } from '../kernels/upload.ts';
import { uniforms } from '../util/random-values.ts';
import { canRun, type Tunable } from './tune-kernel.ts';

/** What decides how long attention takes. */
export interface AttentionSizes {
  readonly config: Readonly<Record<'numHeads' | 'headDim', number>>;
  readonly kvDtype: KVDType;
  readonly blockSize: number;
}

/** Sequences of the invented step, and the tokens of each: two splits, the last tile of keys not full. */
const [SEQUENCES, CONTEXT] = [4, 300];
/** Query tiles of each sequence in a prefill. */
const PREFILL_TILES = 2;

/** Decode rows whole and in splits, and the tiles of a prefill. Time goes by keys, whatever the context. */
export function tunableAttention(
  device: Device,
  kernels: Readonly<Record<'attention' | 'attentionSplit', Kernel>>,
  sizes: AttentionSizes,
): readonly Tunable[] {
  const { numHeads: H, headDim: D } = sizes.config;
  const uses: readonly { kernel: Kernel; ROWS: number; tiles: number }[] = [
    { kernel: kernels.attention, ROWS: 1, tiles: 1 },
    { kernel: kernels.attentionSplit, ROWS: 1, tiles: 1 },
    { kernel: kernels.attention, ROWS: PREFILL_TILE_ROWS, tiles: PREFILL_TILES },
  ];
  return uses.map(({ kernel, ROWS, tiles }) => ({
    kernel,
    fixed: { conditions: { KV_F16: sizes.kvDtype === 'f16' }, constants: { D, ROWS } },
    sizes: [{ H, ROWS }],
    candidates: () => attentionCandidates(kernel, device.traits),
    prepare: (owned) =>
      inventedAttention(device, owned, { ...sizes, ROWS, tiles, splits: kernel === kernels.attentionSplit }),
  }));
}

/**
 * Every number of lanes, the default first; lanes that are sure to lie in one subgroup use it. On a software adapter only
 * the default: barriers among more lanes take it long to run, and seconds to compile.
 */
export function attentionCandidates(kernel: Kernel, traits: DeviceTraits): readonly VariantChoice[] {
  const { LANES: prior = 1 } = kernel.variant(traits).constants;
  const others = traits.isSoftware ? [] : (kernel.spec.tunables?.LANES ?? []);
  const lanes = [...new Set([prior, ...others])];
  const candidates = lanes.map((LANES) => ({
    conditions: { SUBGROUPS: LANES <= traits.minSubgroupSize },
    constants: { LANES },
  }));
  return candidates.filter((choice) => canRun(kernel, traits, choice));
}

interface InventedStep extends AttentionSizes {
  readonly ROWS: number;
  /** Of each sequence. */
  readonly tiles: number;
  readonly splits: boolean;
}

/** The last tokens of each sequence, in tiles of ROWS. All sequences have the same numbers, in blocks of their own. */
function inventedAttention(
  device: Device,
  owned: DisposableStack,
  { config, kvDtype: dtype, blockSize: P, ROWS, tiles, splits }: InventedStep,
): UploadedOperands {
  const { numHeads: H, headDim: D } = config;
  const queries = ROWS * tiles;
  const [q, k, v] = [queries, CONTEXT, CONTEXT].map((tokens) => uniforms(tokens, tokens * H * D));
  const sequence = { context: CONTEXT, queries, q: q!, k: k!, v: v! };
  const step = new AttentionStep({ H, D, P, dtype }, new Array<SequenceData>(SEQUENCES).fill(sequence));
  return splits ? uploadOperands(device, owned, step.split()) : uploadOperands(device, owned, step.whole(ROWS));
}
