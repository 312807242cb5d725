import type { Device, DeviceTraits } from '../gpu/device.ts';
import type { matmul } from '../kernels/matmul.ts';
import { type WeightDType, weightConditions } from '../kernels/weight-tiles.ts';
import type { GPT2Config } from './config.ts';
import { MATMUL_BUCKETS, type MatmulChoice, type MatmulShape, MatmulTuning } from './matmul-tuning.ts';
import { tuneMatmul } from './tune-matmul.ts';
import { TuningFile } from './tuning-file.ts';

/**
 * `off`: built-in choices; `on`: those that were measured on this adapter before, and for some seconds others measured
 * now; `force`: all measured now.
 */
export type TuneMode = 'off' | 'on' | 'force';

type MatmulSizes = Pick<GPT2Config, 'hiddenSize' | 'mlpSize'>;

export interface TuningOptions {
  /** Default `off` on a software adapter, for which the built-in choices were measured, else `on`. */
  readonly mode: TuneMode | undefined;
  readonly kernel: typeof matmul;
  readonly dtype: WeightDType;
  /** Rows of the largest matmul. */
  readonly maxRows: number;
  /** Columns of the parts of the LM head. */
  readonly headColumns: readonly number[];
  /** Told how many shapes are measured, and of how many. */
  readonly onProgress: (numDone: number, numShapes: number) => void;
}

/** Milliseconds that a start spends on measuring; what is left is measured at the next one. */
const BUDGET = 5000;

/** The choices for the matmuls of a model, measured where they have to be. */
export async function loadTuning(device: Device, config: MatmulSizes, options: TuningOptions): Promise<MatmulTuning> {
  const { mode = device.traits.isSoftware ? 'off' : 'on', kernel, dtype, onProgress } = options;
  if (mode === 'off') return new MatmulTuning(device.traits);
  const wgsl = await kernel.wgsl(device, { conditions: weightConditions(dtype) });
  const file = new TuningFile({ adapter: device.identity, kernel: `${dtype}\n${wgsl}` }, (choice) =>
    canRun(kernel, device.traits, choice),
  );
  const known = mode === 'force' ? [] : await file.read();
  const missing = new MatmulTuning(device.traits, known).untuned(matmulShapes(config, options));
  if (missing.length === 0) return new MatmulTuning(device.traits, known);
  onProgress(0, missing.length);
  const measured = await tuneMatmul(missing, {
    ...{ device, kernel, dtype },
    ...(mode === 'on' && { budget: BUDGET }),
    onProgress: (numDone) => onProgress(numDone, missing.length),
  });
  const tuned = [...known, ...measured];
  await file.write(tuned);
  return new MatmulTuning(device.traits, tuned);
}

/** The shapes of all matmuls of a model, for as many rows as it may have. */
export function matmulShapes(
  { hiddenSize: C, mlpSize: F }: MatmulSizes,
  { maxRows, headColumns }: Pick<TuningOptions, 'maxRows' | 'headColumns'>,
): readonly MatmulShape[] {
  const weights = [[C, 3 * C], [C, C], [C, F], [F, C], ...headColumns.map((N) => [C, N])];
  const distinct = new Map(weights.map(([K = 0, N = 0]) => [`${K} ${N}`, { K, N }]));
  const last = MATMUL_BUCKETS.findIndex((rows) => rows >= maxRows);
  const buckets = last < 0 ? MATMUL_BUCKETS : MATMUL_BUCKETS.slice(0, last + 1);
  return buckets.flatMap((M) => [...distinct.values()].map((size) => ({ M, ...size })));
}

function canRun(kernel: typeof matmul, traits: DeviceTraits, choice: MatmulChoice): boolean {
  try {
    kernel.variant(traits, choice);
    return true;
  } catch {
    return false;
  }
}
