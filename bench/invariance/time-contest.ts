// Timing of a contest by the GPU's clock: runs in a row, and a run by itself. The controls are qualified first; then ours and the
// fastest of them take turns, so that other load on the machine meets both alike.
import type { Device } from '../../src/gpu/device.ts';
import { KernelTimer } from '../../src/gpu/kernel-timer.ts';
import { Program } from '../../src/gpu/program.ts';
import { type Figure, mapFigure, ratio } from '../common/figures.ts';
import { pollSlowly } from '../common/slow-polling.ts';
import { median } from '../common/statistics.ts';
import type { Contest, Contestant } from './contest.ts';

/** Milliseconds that runs in a row take at least, within the bounds of their number. */
const ROW_MS = 2;
/** Fewest and most runs in a row. */
const [MIN_RUNS, MAX_RUNS] = [2, 256];
/** Rounds in which the best controls are found. */
const QUALIFYING_ROUNDS = 2;
/** Controls that take turns with ours. */
const FINALISTS = 2;
/** Result where there is no control. */
const NONE = { best: null, control: null };

/** Ours and the best control under one way of timing: medians in milliseconds a run, null where there is none. */
export interface Comparison {
  readonly ours: Figure;
  readonly control: Figure;
  /** Name of the control. */
  readonly best: string | null;
  /** By how much ours takes longer, as a share of the control's time. */
  readonly price: Figure;
}

/** Result of a contest. */
export interface ContestTimes {
  /** Runs in a row in one pass, each after the one before it, as in a step. */
  readonly throughput: Comparison;
  /** A run by itself in a pass of its own. */
  readonly latency: Comparison;
}

/** Ways of timing. */
const WAYS = ['throughput', 'latency'] as const;
type Way = (typeof WAYS)[number];

/** Programs of a contestant, and the milliseconds a run that were measured. */
interface Timed {
  readonly name: string;
  readonly programs: Readonly<Record<Way, Program>>;
  readonly numRuns: Readonly<Record<Way, number>>;
  readonly samples: Readonly<Record<Way, number[]>>;
}

/**
 * Times a contest in `rounds` rounds.
 *
 * @throws GpuError when the device has no timestamps; DeviceLostError or GpuError when it fails; the signal's reason.
 */
export async function timeContest(
  device: Device,
  { ours, controls }: Contest,
  { rounds, signal }: { readonly rounds: number; readonly signal: AbortSignal },
): Promise<ContestTimes> {
  using owned = new DisposableStack();
  const timer = new KernelTimer(device);
  const prepare = async (contestant: Contestant) => prepareTimed(device, timer, owned, contestant);
  const measure = async (contestants: readonly Timed[], way: Way) => {
    for (const { programs, numRuns, samples } of contestants) {
      signal.throwIfAborted();
      samples[way].push((await millisecondsOf(device, timer, programs[way])) / numRuns[way]);
    }
  };
  const own = await prepare(ours);
  const qualified: Timed[] = [];
  for (const control of controls) {
    const timed = await prepare(control);
    for (let n = 0; n < QUALIFYING_ROUNDS; n++) for (const way of WAYS) await measure([timed], way);
    qualified.push(timed);
  }
  const compare = async (way: Way): Promise<Comparison> => {
    const fastest = (a: Timed, b: Timed) => Math.min(...a.samples[way]) - Math.min(...b.samples[way]);
    const finalists = qualified.toSorted(fastest).slice(0, FINALISTS);
    for (const { samples } of finalists) samples[way].length = 0;
    for (let n = 0; n < rounds; n++) await measure([own, ...finalists], way);
    const mine = median(own.samples[way]);
    const results = finalists.map(({ name, samples }) => ({ best: name, control: median(samples[way]) }));
    const [{ best, control } = NONE] = results.toSorted((a, b) => (a.control ?? 0) - (b.control ?? 0));
    return { ours: mine, control, best, price: mapFigure(ratio(mine, control), (times) => times - 1) };
  };
  return { throughput: await compare('throughput'), latency: await compare('latency') };
}

async function prepareTimed(
  device: Device,
  timer: KernelTimer,
  owned: DisposableStack,
  { name, dispatches }: Contestant,
): Promise<Timed> {
  const latency = owned.use(new Program(device, name, dispatches));
  const once = await millisecondsOf(device, timer, latency);
  const count = Math.max(MIN_RUNS, Math.min(MAX_RUNS, Math.ceil(ROW_MS / once)));
  const inRow = Array.from({ length: count }, () => dispatches).flat();
  return {
    name,
    programs: { latency, throughput: owned.use(new Program(device, name, inRow)) },
    numRuns: { latency: 1, throughput: count },
    samples: { latency: [], throughput: [] },
  };
}

async function millisecondsOf(device: Device, timer: KernelTimer, program: Program): Promise<number> {
  const encoder = device.gpu.createCommandEncoder({ label: program.label });
  const read = timer.encodeWhole(encoder, program);
  device.gpu.queue.submit([encoder.finish()]);
  const { nanoseconds } = await pollSlowly(device.traits, read);
  return nanoseconds / 1e6;
}
