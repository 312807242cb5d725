import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { ChoiceOf } from '../gpu/kernel-spec.ts';
import { Tensor } from '../gpu/tensor.ts';
import { time } from '../gpu/time.ts';
import type { matmul } from '../kernels/matmul.ts';
import { packTiles, TILE, tiledShape, type WeightDType, weightConditions } from '../kernels/weight-tiles.ts';
import { type MatmulChoice, type MatmulShape, priorChoice, type TunedMatmul } from './matmul-tuning.ts';

/** Dispatches of a candidate. */
const MEASUREMENT = { runs: 5, warmUps: 1 };
/** A candidate takes the prior's place when it needs less than this part of its time: less of a gain is noise. */
const WORTHWHILE = 0.95;
/** Columns that are timed of a wider weight, such as an LM head: its tiles are all alike. */
const MAX_COLUMNS = 8192;

/** What is measured, and for how long. */
export interface TuneMatmulOptions {
  readonly device: Device;
  readonly kernel: typeof matmul;
  readonly dtype: WeightDType;
  /** Milliseconds after which no further shape is begun. */
  readonly budget?: number;
  /** Told how many shapes are done. */
  readonly onProgress?: (numDone: number) => void;
}

/**
 * Measures which variant of the matmul is the fastest for each shape, on invented operands. A candidate is timed only when
 * its output has the bits of the base variant's, which needs no optional feature.
 *
 * @returns the choices for the first shapes, or for all.
 * @throws GpuError or DeviceLostError when the device fails.
 */
export async function tuneMatmul(
  shapes: readonly MatmulShape[],
  { budget = Number.POSITIVE_INFINITY, onProgress = () => {}, ...options }: TuneMatmulOptions,
): Promise<TunedMatmul[]> {
  const tuned: TunedMatmul[] = [];
  const end = performance.now() + budget;
  for (const shape of shapes) {
    if (performance.now() >= end) break;
    tuned.push({ ...shape, choice: await fastest(shape, options) });
    onProgress(tuned.length);
  }
  return tuned;
}

/**
 * What M rows are measured with: the prior, first, and the variants that differ from it in one tunable. A variant that
 * computes 2 · M rows or more to keep M of them is not worth its time.
 */
export function matmulCandidates(kernel: typeof matmul, traits: DeviceTraits, M: number): readonly MatmulChoice[] {
  const prior = kernel.variant(traits, priorChoice(traits, M));
  const numbers: Readonly<Record<string, number>> = { ...prior.constants, ...prior.overrides };
  const distance = ({ constants, overrides }: MatmulChoice) =>
    Object.entries({ ...constants, ...overrides }).filter(([name, value]) => value !== numbers[name]).length;
  const isWide = ({ constants }: MatmulChoice) => (constants?.ROWS ?? 1) >= 2 * M;
  const near = kernel
    .variants(traits)
    .filter((choice) => distance(choice) === 0 || (distance(choice) === 1 && !isWide(choice)));
  return near.toSorted((a, b) => distance(a) - distance(b));
}

async function fastest(shape: MatmulShape, { device, kernel, dtype }: TuneMatmulOptions): Promise<MatmulChoice> {
  using owned = new DisposableStack();
  const { M, K, N } = { ...shape, N: Math.min(shape.N, MAX_COLUMNS) };
  const tensors = {
    x: owned.use(Tensor.from(device, 'x', wave(M * K), [M, K])),
    w: owned.use(inventedWeight(device, K, N, dtype)),
    bias: owned.use(Tensor.from(device, 'bias', wave(N))),
    out: owned.use(Tensor.create(device, 'out', 'f32', [M, N])),
  };
  const conditions = { ...weightConditions(dtype), X_VEC4: K % 4 === 0 };
  const bits = async (choice: ChoiceOf<(typeof matmul)['spec']>) => {
    await kernel.run(device, tensors, { first: 0 }, choice);
    return new Uint32Array((await tensors.out.readF32()).buffer);
  };
  const base = { conditions: { ...conditions, SUBGROUPS: false, X_VEC4: false }, constants: { ROWS: 1, TILES: 1 } };
  const want = await bits(base);

  const times: { readonly choice: MatmulChoice; readonly milliseconds: number }[] = [];
  for (const choice of matmulCandidates(kernel, device.traits, M)) {
    const variant = { conditions, ...choice };
    const got = await bits(variant);
    if (!got.every((word, index) => word === want[index])) continue;
    const { milliseconds } = await time(device, kernel, tensors, { first: 0 }, { choice: variant, ...MEASUREMENT });
    times.push({ choice, milliseconds: milliseconds.median });
  }
  const [prior, ...others] = times;
  if (prior === undefined) return { constants: base.constants };
  const best = others.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a), prior);
  return best.milliseconds < WORTHWHILE * prior.milliseconds ? best.choice : prior.choice;
}

/** [K, N] of which all tiles are alike: packing one is quick. */
function inventedWeight(device: Device, K: number, N: number, dtype: WeightDType): Tensor {
  const shape = tiledShape(K, N, dtype);
  const [tiles] = shape;
  const tile = packTiles(K, TILE, dtype, wave(K * TILE), 'kn');
  const words = new Uint32Array(tiles * tile.length);
  for (let i = 0; i < tiles; i++) words.set(tile, i * tile.length);
  return Tensor.from(device, 'w', words, shape);
}

/** Values between −1 and 1. */
function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * i));
}
