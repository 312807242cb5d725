// The figures of timed work, as they follow from its samples.
import type { Device } from '../gpu/device.ts';
import { ratio } from '../util/figures.ts';
import { ascending, percentile } from '../util/statistics.ts';
import { type Limiter, limiterOf } from './limiter.ts';
import type { Roofline } from './roofline.ts';
import type { TimingMode } from './sampler.ts';
import type { PreparedWork } from './work.ts';

/** Times of a kernel or program. Plain values: `JSON.stringify` writes all of it. */
export interface Timing {
  readonly name: string;
  /** Kernel and variant, or the program's label. */
  readonly label: string;
  /** The GPU's timestamps, or where it has none the host's clock around many runs. */
  readonly timer: 'timestamps' | 'clock';
  readonly mode: TimingMode;
  readonly runs: number;
  /** Milliseconds of a run: the middle of all, and what a tenth of them stay below and above. */
  readonly milliseconds: { readonly median: number; readonly p10: number; readonly p90: number };
  /** Milliseconds of each run, in their order. */
  readonly samples: readonly number[];
  /** 1e9 floating-point operations a second, by the kernel's `cost` and the median; null when it states none or the clock saw no time pass. */
  readonly gflops: number | null;
  /** 1e9 bytes a second, in the same way. */
  readonly gigabytes: number | null;
  /** Its limit; null without a `roofline`, and where `gflops` is. */
  readonly limiter: Limiter | null;
}

/** Makes the figures of samples. */
export function timingOf(
  { traits }: Pick<Device, 'traits'>,
  { name, label, cost, dispatches }: Pick<PreparedWork, 'name' | 'label' | 'cost' | 'dispatches'>,
  samples: readonly number[],
  { mode, roofline }: { readonly mode: TimingMode; readonly roofline?: Roofline | undefined },
): Timing {
  const sorted = ascending(samples);
  const median = percentile(sorted, 0.5);
  const perSecond = (work: number | undefined) => (work === undefined ? null : ratio(1e-6 * work, median));
  return {
    name,
    label,
    timer: traits.timestamps ? 'timestamps' : 'clock',
    mode: traits.timestamps ? mode : 'row',
    runs: samples.length,
    milliseconds: { median, p10: percentile(sorted, 0.1), p90: percentile(sorted, 0.9) },
    samples,
    gflops: perSecond(cost?.flops),
    gigabytes: perSecond(cost?.bytes),
    limiter: roofline === undefined ? null : limiterOf(cost, median, roofline, dispatches.length),
  };
}
