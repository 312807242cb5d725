// Tuned choices that no adapter has by default: a test that meets them shows that a choice was used.
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { bucketOf } from '../../../src/kernels/kernel-tuning.ts';
import { MATMUL_BUCKETS } from '../../../src/kernels/matmul/tuning.ts';

/** Choices that no adapter has by default, of small programs, which compile quickly. */
export const inventedChoices = {
  attention: { conditions: { SUBGROUPS: false }, constants: { LANES: 32 } },
  sample: { overrides: { LANES: 32 } },
} as const;

const MATMUL_CHOICES = [
  { conditions: { SUBGROUPS: false }, constants: { ROWS: 4, TILES: 1 }, overrides: { LANES: 64 } },
  { constants: { ROWS: 1, TILES: 2, X_LANES: 4 }, overrides: { LANES: 32 } },
] as const satisfies readonly VariantChoice[];

/** Choice for M rows: neighbouring numbers of rows get variants without a number in common. */
export function inventedMatmulChoice(M: number): (typeof MATMUL_CHOICES)[number] {
  return MATMUL_CHOICES[MATMUL_BUCKETS.indexOf(bucketOf(MATMUL_BUCKETS, M)) % 2 === 0 ? 0 : 1];
}
