// Comparison of kernels and programs by time, as ratios to the first of them: a ratio within a round has little of what changes between
// rounds, such as clocks and other load.
import { checkDevice } from '../gpu/check-device.ts';
import type { Device } from '../gpu/device.ts';
import type { DeviceIdentity } from '../gpu/device-traits.ts';
import type { KernelSpec } from '../gpu/kernel-spec.ts';
import { RangeValueError } from '../util/errors.ts';
import { formatFigure, formatPercent, ratio } from '../util/figures.ts';
import { isRecord } from '../util/keys.ts';
import {
  type Check,
  type Checks,
  checkOptions,
  checkValue,
  count,
  countOrNone,
  oneOf,
  seed,
} from '../util/option-checks.ts';
import { median } from '../util/statistics.ts';
import { Contest, prepareContestants, type Works } from './contest.ts';
import { type Interval, medianInterval } from './median-interval.ts';
import { BOUND, compareOutputs, type OutputBound, type OutputStart } from './outputs.ts';
import { ROOFLINE, type Roofline } from './roofline.ts';
import type { TimingMode } from './sampler.ts';
import { type Timing, timingOf } from './timing.ts';

/** How to compare. */
export interface CompareTimesOptions {
  /** Rounds, in each of which every contestant is timed once; 20. An interval takes 6. */
  readonly rounds?: number | undefined;
  /** Rounds before them, which do not count; 3. */
  readonly warmUps?: number | undefined;
  /** Seed of the orders of contestants in rounds; 1. */
  readonly seed?: number | undefined;
  /** Many runs in one pass, as in a step of a model, or each in a pass of its own; `row`. */
  readonly mode?: TimingMode | undefined;
  /** Largest difference of outputs from those of the first; their bits when absent. */
  readonly bound?: OutputBound | undefined;
  /** Contents of outputs before the runs that are compared; NaN when absent. */
  readonly start?: OutputStart | undefined;
  /** The adapter's best, as `measureRoofline` gives it: the result then tells what limits each contestant. */
  readonly roofline?: Roofline | undefined;
  /** Ends the comparison with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a contestant does beside the first, by the interval of the ratio: `same` where it holds 1. */
export type SpeedVerdict = 'faster' | 'slower' | 'same';

/** Time of a contestant over that of the first. */
export interface TimeRatio {
  /** Median of the ratios of rounds; null where the clock saw no time pass. */
  readonly ratio: number | null;
  /** Of that median; null for fewer than 6 rounds. */
  readonly interval: Interval | null;
  /** Null without an interval. */
  readonly verdict: SpeedVerdict | null;
}

/** Times of a contestant, and its ratio to the first: null of the first itself. */
export interface ContestantTiming extends Timing {
  readonly toFirst: TimeRatio | null;
}

/** Result of `compare`. Plain values: `JSON.stringify` writes all of it. */
export interface TimeComparison {
  readonly schema: 'roseinfer-comparison-1';
  readonly device: DeviceIdentity;
  readonly rounds: number;
  readonly seed: number;
  readonly contestants: readonly ContestantTiming[];
}

const OPTIONS: Checks<CompareTimesOptions> = {
  rounds: count,
  warmUps: countOrNone,
  seed,
  mode: oneOf(['row', 'alone']),
  bound: BOUND,
  start: oneOf(['nan', 'kept']),
  roofline: ROOFLINE,
  signal: { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal },
};

const COMPARISON: Check = {
  expected: 'the result of compare',
  accepts: (value) => isRecord(value) && 'contestants' in value && Array.isArray(value.contestants),
};

/**
 * Compares kernels and programs by time. First each runs once, and its outputs must be those of the first contestant; then rounds time
 * every one of them once, in a random order.
 *
 * The ratio of a contestant is the median of the ratios of its rounds, with an interval from order statistics that holds the median
 * with a probability of at least 0.95, whatever the distribution of times; rounds are taken for independent.
 *
 * @param contestants `{ kernel, tensors, scalars, choice }` or `{ program, outputs }`, with a `name`; the first is the measure. They
 * run many times, so what they change in place goes on changing.
 * @throws OutputMismatchError for outputs that differ by more than the bound; RangeValueError for unknown options or outputs that
 * can't be compared; KernelError, GpuError and DeviceLostError, as `Kernel.run`; the signal's reason.
 */
export async function compare<const Specs extends readonly KernelSpec[]>(
  device: Device,
  contestants: Works<Specs>,
  options: CompareTimesOptions = {},
): Promise<TimeComparison> {
  checkDevice(device);
  checkOptions('options of compare', options, OPTIONS);
  if (!Array.isArray(contestants) || contestants.length === 0) {
    throw new RangeValueError('contestants', contestants, 'a list of kernels and programs');
  }
  const { rounds = 20, warmUps = 3, seed: orders = 1, mode = 'row', bound = 'bits', start = 'nan' } = options;
  const { roofline, signal } = options;
  const works = await prepareContestants(device, contestants);
  signal?.throwIfAborted();
  await compareOutputs(device, works, { bound, start });
  using contest = await Contest.open(device, works, { mode, signal });
  const samples = await contest.measure({ rounds, warmUps, seed: orders });
  const timings = works.map((work, i) => timingOf(device, work, samples[i]!, { mode, roofline }));
  return {
    schema: 'roseinfer-comparison-1',
    device: device.identity,
    rounds,
    seed: orders,
    contestants: timings.map((timing, i) => ({
      ...timing,
      toFirst: i === 0 ? null : ratioOf(timing.samples, timings[0]!.samples),
    })),
  };
}

/** Finds the ratio of a contestant's times to the first's, of the same rounds. */
export function ratioOf(samples: readonly number[], first: readonly number[]): TimeRatio {
  const ratios = samples.map((sample, round) => ratio(sample, first[round] ?? null));
  const known = ratios.filter((each) => each !== null);
  const interval = known.length === ratios.length ? medianInterval(known) : null;
  return { ratio: median(known), interval, verdict: interval && verdictOf(interval) };
}

/** Tells what an interval of time over time means. */
export function verdictOf({ low, high }: Pick<Interval, 'low' | 'high'>): SpeedVerdict {
  if (high < 1) return 'faster';
  return low > 1 ? 'slower' : 'same';
}

/**
 * Formats a comparison: a line for each contestant with its time, its ratio to the first and what limits it.
 *
 * @throws RangeValueError for anything but the result of `compare`.
 *
 * @example `silu LANES=64: 0.0512 ms, 0.93 × first (0.91 to 0.95), faster; limited by bandwidth, 81.0 % of the adapter's best`
 */
export function formatComparison(comparison: Pick<TimeComparison, 'contestants'>): string {
  checkValue('comparison', comparison, COMPARISON);
  return comparison.contestants
    .map(({ name, milliseconds, toFirst, limiter }) => {
      const parts = [`${name}: ${milliseconds.median.toPrecision(3)} ms`];
      if (toFirst !== null) parts.push(formatRatio(toFirst));
      const limit = limiter && `limited by ${limiter.kind}, ${formatPercent(limiter.share)} of the adapter's best`;
      return [parts.join(', '), ...(limit === null ? [] : [limit])].join('; ');
    })
    .join('\n');
}

function formatRatio({ ratio: times, interval, verdict }: TimeRatio): string {
  const range = interval && ` (${formatFigure(interval.low, 3)} to ${formatFigure(interval.high, 3)}), ${verdict}`;
  return `${formatFigure(times, 3)} × first${range ?? ''}`;
}
