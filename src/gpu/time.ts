// Timing of one kernel. Without timestamps the host's clock times many dispatches at once, so that the submit counts little.
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import type { Device } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import type { Kernel } from './kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from './kernel-spec.ts';
import { profile } from './profiler.ts';
import { Program } from './program.ts';
import { Tensor } from './tensor.ts';

/** How to time a kernel. */
export interface TimeOptions<S extends KernelSpec> {
  /** Values that differ from the kernel's defaults for the device. */
  readonly choice?: ChoiceOf<S> | undefined;
  /** Measurements; 20. */
  readonly runs?: number | undefined;
  /** Measurements before them, which do not count; 3. */
  readonly warmUps?: number | undefined;
}

const OPTION_KEYS: KeyTable<TimeOptions<KernelSpec>> = { choice: true, runs: true, warmUps: true };

/** Result of `time`. */
export interface Timing {
  /** Kernel and variant. */
  readonly label: string;
  /** The GPU's timestamps around each dispatch, or where it has none the host's clock around many of them. */
  readonly timer: 'timestamps' | 'clock';
  readonly runs: number;
  /** Milliseconds of a dispatch: the middle of all runs, and what a tenth of them stay below and above. */
  readonly milliseconds: { readonly median: number; readonly p10: number; readonly p90: number };
  /** 1e9 floating-point operations a second, by the kernel's `cost` and the median; null when it states none or the clock saw no time pass. */
  readonly gflops: number | null;
  /** 1e9 bytes a second, in the same way. */
  readonly gigabytes: number | null;
}

/**
 * Milliseconds of work that the host's clock times at once: long enough for the submit and the readback around it to
 * count little.
 */
const CLOCK_MILLISECONDS = 20;
/** Most dispatches of that work. */
const MAX_BURST = 4096;

/**
 * Times a kernel on tensors: it runs warmUps + runs times or, by the host's clock, many times more, so what it changes in
 * place goes on changing. Its operands stay in whatever caches hold them.
 *
 * @throws RangeValueError for an unknown option, and unless runs is a natural number from 1 on and warmUps one from 0 on;
 * KernelError, GpuError and DeviceLostError, as `Kernel.run`.
 */
export async function time<S extends KernelSpec>(
  device: Device,
  kernel: Kernel<S>,
  tensors: TensorsOf<S>,
  scalars: ScalarsOf<S>,
  options: TimeOptions<S> = {},
): Promise<Timing> {
  checkKeys('options of time', options, OPTION_KEYS);
  const { choice, runs = 20, warmUps = 3 } = options;
  checkCount('runs', runs, 1);
  checkCount('warmUps', warmUps, 0);
  const { label } = await kernel.build(device, kernel.choiceFor(tensors, choice));
  const dispatch = kernel.dispatch(device, tensors, scalars, choice);
  const { timestamps } = device.traits;
  const measure = timestamps ? byTimestamps : byClock;
  const measured = (await measure(device, dispatch, warmUps + runs)).slice(warmUps);
  const sorted = measured.sort((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.round(fraction * (runs - 1))]!;
  const median = (at(0.5) + sorted[Math.floor((runs - 1) / 2)]!) / 2;
  const { cost } = dispatch;
  const perSecond = (work: number | undefined) => (work !== undefined && median > 0 ? (1e-6 * work) / median : null);
  return {
    label,
    timer: timestamps ? 'timestamps' : 'clock',
    runs,
    milliseconds: { median, p10: at(0.1), p90: at(0.9) },
    gflops: perSecond(cost?.flops),
    gigabytes: perSecond(cost?.bytes),
  };
}

function checkCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeValueError(name, value, `an integer from ${least} on`);
}

async function byTimestamps(device: Device, dispatch: Dispatch, count: number): Promise<number[]> {
  using program = new Program(device, dispatch.label, Array<Dispatch>(count).fill(dispatch));
  return (await profile(device, program)).map(({ nanoseconds }) => nanoseconds / 1e6);
}

async function byClock(device: Device, dispatch: Dispatch, count: number): Promise<number[]> {
  using fence = Tensor.create(device, `${dispatch.label} (time)`, 'u32', [1]);
  let burst = 1;
  while (burst < MAX_BURST && (await burstMilliseconds(device, dispatch, burst, fence)) < CLOCK_MILLISECONDS)
    burst *= 2;
  const times: number[] = [];
  for (let n = 0; n < count; n++) times.push((await burstMilliseconds(device, dispatch, burst, fence)) / burst);
  return times;
}

/** Milliseconds from the submit of a burst of dispatches to the end of the last. */
async function burstMilliseconds(device: Device, dispatch: Dispatch, burst: number, fence: Tensor): Promise<number> {
  using program = new Program(device, dispatch.label, Array<Dispatch>(burst).fill(dispatch));
  await fence.read();
  const start = performance.now();
  program.submit();
  await fence.read();
  return performance.now() - start;
}
