// Places the GPU's time stamps on the host's clock: each step bounds the offset between the two.
import type { StepTimes } from '../../core/runner.ts';
import type { StepRecord } from './step-record.ts';

/** A step whose kernels were timed. */
export type TimedStep = StepRecord & { readonly times: StepTimes };

const MS_PER_NS = 1e-6;

/** When a kernel ran, in milliseconds of the engine's clock. */
export interface PlacedKernel {
  readonly start: number;
  readonly end: number;
}

/** Tells whether a step's kernels were timed. */
export function isTimed(step: StepRecord): step is TimedStep {
  return step.times !== undefined;
}

/**
 * The kernels of steps, given in their order, on the engine's clock: by one offset for all, so that they keep their
 * distances. A step runs on the GPU after it was submitted and before its result is on the host, so each bounds the offset
 * from both sides; the middle between the tightest bounds is taken. Where the two clocks drift apart, a step's own bounds
 * come first: its kernels lie within it, one after the other, whatever the stamps say.
 */
export function placeKernels(steps: readonly TimedStep[]): PlacedKernel[][] {
  const bounds = steps.map(({ submitted, finished, times }) => ({
    low: submitted - MS_PER_NS * times.start,
    high: finished - MS_PER_NS * (times.start + times.nanoseconds),
  }));
  const low = bounds.reduce((max, bound) => Math.max(max, bound.low), Number.NEGATIVE_INFINITY);
  const high = bounds.reduce((min, bound) => Math.min(min, bound.high), Number.POSITIVE_INFINITY);
  let free = Number.NEGATIVE_INFINITY;
  return steps.map(({ submitted, finished, times }, i) => {
    const offset = Math.max(bounds[i]!.low, Math.min(bounds[i]!.high, (low + high) / 2));
    free = Math.max(free, submitted);
    return times.kernels.map(({ start, nanoseconds }) => {
      const placed = {
        start: clamp(offset + MS_PER_NS * start, free, finished),
        end: clamp(offset + MS_PER_NS * (start + nanoseconds), free, finished),
      };
      free = placed.end;
      return placed;
    });
  });
}

/** If low > high, high wins. */
function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
