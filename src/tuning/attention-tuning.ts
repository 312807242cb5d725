import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { Tensor } from '../gpu/tensor.ts';
import { SPLIT_KEYS } from '../kernels/attention/attention.ts';
import { type KVDType, kvRowWords } from '../kernels/kv-write/kv-write.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';
import type { GPT2Kernels } from '../models/gpt2/kernels.ts';
import { PREFILL_TILE_ROWS } from '../models/gpt2/layers.ts';
import { ceilDiv } from '../util/math.ts';
import { canRun, noise, type Tunable, type TuningOperands } from './tune-kernel.ts';

/** What decides how long attention takes. */
export interface AttentionSizes {
  readonly config: Pick<GPT2Config, 'numHeads' | 'headDim'>;
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
  kernels: Pick<GPT2Kernels, 'attention' | 'attentionSplit'>,
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

/** The last tokens of each sequence, in tiles of ROWS. */
function inventedAttention(
  device: Device,
  owned: DisposableStack,
  { config, kvDtype, blockSize: P, ROWS, tiles, splits }: InventedStep,
): TuningOperands {
  const { numHeads: H, headDim: D } = config;
  const [queries, X] = [ROWS * tiles, ceilDiv(CONTEXT, P)];
  const [T, Q, B] = [SEQUENCES * queries, SEQUENCES * tiles, SEQUENCES * X];
  const integers = (label: string, shape: readonly number[], at: (i: number) => number): Tensor => {
    const length = shape.reduce((product, size) => product * size, 1);
    return owned.use(
      Tensor.from(
        device,
        label,
        Int32Array.from({ length }, (_, i) => at(i)),
        shape,
      ),
    );
  };
  const kvShape = [B, 2, H, P, kvRowWords(D, kvDtype)];
  const inputs = {
    qkv: owned.use(Tensor.from(device, 'qkv', noise(T * 3 * H * D), [T, 3 * H * D])),
    kv: owned.use(Tensor.from(device, 'kv', inventedCache(kvShape, kvDtype), kvShape)),
    query_tiles: integers('query tiles', [Q, 2], (i) => (i % 2 === 0 ? (i / 2) * ROWS : ROWS)),
    positions: integers('positions', [T], (t) => CONTEXT - queries + (t % queries)),
    sequence_index: integers('sequence index', [T], (t) => Math.floor(t / queries)),
    block_tables: integers('block tables', [SEQUENCES, X], (i) => i),
  };
  const scalars = { first: 0, count: Q, scale: 1 / Math.sqrt(D) };
  if (splits) {
    const Z = ceilDiv(CONTEXT, SPLIT_KEYS);
    const partials = owned.use(Tensor.create(device, 'partials', 'f32', [T, H, Z, D + 2]));
    return { tensors: { ...inputs, partials }, scalars: { ...scalars, splits: Z }, outputs: [partials] };
  }
  const out = owned.use(Tensor.create(device, 'out', 'f32', [T, H * D]));
  return { tensors: { ...inputs, out }, scalars: { ...scalars, Z: 1 }, outputs: [out] };
}

/** Words of keys and values. What is behind the D elements of a row is noise, too: no kernel may count it. */
function inventedCache(shape: readonly number[], dtype: KVDType): Uint32Array {
  const words = shape.reduce((product, size) => product * size, 1);
  const values = dtype === 'f16' ? Float16Array.from(noise(2 * words)) : noise(words);
  return new Uint32Array(values.buffer);
}
