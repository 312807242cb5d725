import type { DeviceTraits } from '../gpu/device.ts';
import type { ChoiceOf } from '../gpu/kernel-spec.ts';
import type { matmul } from '../kernels/matmul.ts';

/** What the variants of the matmul differ in besides storage and epilogue. All of them give the same bits. */
export type MatmulChoice = Pick<ChoiceOf<(typeof matmul)['spec']>, 'constants' | 'overrides'>;

/** Sizes that decide which variant is the fastest: x[M, K] · w[K, N]. */
export interface MatmulShape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

/** A choice that was measured. */
export interface TunedMatmul extends MatmulShape {
  readonly choice: MatmulChoice;
}

/** Numbers of rows that choices are made for: a matmul takes that of the first that holds its rows, else of the last. */
export const MATMUL_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 64];

/** Rows that share a load of weights when nothing was measured: the first that holds all rows is taken, else the last. */
const PRIOR_ROWS: readonly number[] = [1, 2, 8];

/** Which variant of the matmul each shape takes on an adapter: a matter of speed only. */
export class MatmulTuning {
  readonly #traits: DeviceTraits;
  readonly #tuned: ReadonlyMap<string, MatmulChoice>;

  /** @param tuned what was measured; other shapes take `priorChoice`. */
  constructor(traits: DeviceTraits, tuned: readonly TunedMatmul[] = []) {
    this.#traits = traits;
    this.#tuned = new Map(tuned.map(({ choice, ...shape }) => [keyOf(shape), choice]));
  }

  choose(shape: MatmulShape): MatmulChoice {
    const M = MATMUL_BUCKETS.find((rows) => rows >= shape.M) ?? Math.max(...MATMUL_BUCKETS);
    return this.#tuned.get(keyOf({ ...shape, M })) ?? priorChoice(this.#traits, M);
  }

  /** Those of some shapes that were not measured. */
  untuned(shapes: readonly MatmulShape[]): readonly MatmulShape[] {
    return shapes.filter((shape) => !this.#tuned.has(keyOf(shape)));
  }
}

/** Lanes of a workgroup by the adapter's vendor: two subgroups where they are wide. Measured on no GPU yet. */
const VENDOR_LANES: Readonly<Record<string, 32 | 64>> = { nvidia: 64, amd: 64, intel: 32, apple: 64 };

/** What M rows take when nothing was measured. What it leaves out are the kernel's own defaults for the adapter. */
export function priorChoice(
  { isSoftware, vendor }: Pick<DeviceTraits, 'isSoftware' | 'vendor'>,
  M: number,
): MatmulChoice {
  const ROWS = PRIOR_ROWS.find((rows) => rows >= M) ?? Math.max(...PRIOR_ROWS);
  const LANES = isSoftware ? undefined : VENDOR_LANES[vendor];
  return { constants: { ROWS }, ...(LANES !== undefined && { overrides: { LANES } }) };
}

function keyOf({ M, K, N }: MatmulShape): string {
  return `${M}×${K}×${N}`;
}
