// Timing of a contest by the GPU's clock: runs in a row, and a run by itself. The controls are qualified first; then ours and the
// fastest of them take turns.
import type { Device } from '../../src/gpu/device.ts';
import { ratioOf } from '../../src/timing/compare.ts';
import { Contest as Match } from '../../src/timing/contest.ts';
import type { Interval } from '../../src/timing/median-interval.ts';
import type { TimingMode } from '../../src/timing/sampler.ts';
import { type Figure, mapFigure, ratio } from '../../src/util/figures.ts';
import { median, smallest } from '../../src/util/statistics.ts';
import { pollSlowly } from '../common/slow-polling.ts';
import { type Contest, worksOf } from './contest.ts';

/** Rounds in which the best controls are found. */
const QUALIFYING = { rounds: 2, warmUps: 0, seed: 1 };
/** Seed of the orders in the rounds after them. */
const FINAL_SEED = 2;
/** Controls that take turns with ours. */
const FINALISTS = 2;
/** Result where there is no control. */
const NONE = { best: null, control: null, interval: null };

/** Ours and the best control under one way of timing: medians in milliseconds a run, null where there is none. */
export interface Comparison {
  readonly ours: Figure;
  readonly control: Figure;
  /** Name of the control. */
  readonly best: string | null;
  /** By how much ours takes longer, as a share of the control's time. */
  readonly price: Figure;
  /** Of the times that ours takes longer in a round; null for fewer than 6 rounds. */
  readonly interval: Interval | null;
}

/** Result of a contest. */
export interface ContestTimes {
  /** Runs in a row in one pass, each after the one before it, as in a step. */
  readonly throughput: Comparison;
  /** A run by itself in a pass of its own. */
  readonly latency: Comparison;
}

/** Rounds of a contest and what ends it. */
interface ContestRounds {
  readonly rounds: number;
  readonly signal: AbortSignal;
}

/**
 * Times a contest in `rounds` rounds.
 *
 * @throws GpuError when the device has no timestamps; DeviceLostError or GpuError when it fails; the signal's reason.
 */
export async function timeContest(device: Device, contest: Contest, options: ContestRounds): Promise<ContestTimes> {
  return await pollSlowly(device.traits, async () => ({
    throughput: await timeIn('row', device, contest, options),
    latency: await timeIn('alone', device, contest, options),
  }));
}

async function timeIn(
  mode: TimingMode,
  device: Device,
  contest: Contest,
  { rounds, signal }: ContestRounds,
): Promise<Comparison> {
  using match = await Match.open(device, worksOf(contest), { mode, signal });
  const controls = contest.controls.map((_, i) => i + 1);
  const tried = await match.measure(QUALIFYING, controls);
  const best = (control: number) => smallest(tried[control - 1] ?? []) ?? 0;
  const finalists = controls.toSorted((a, b) => best(a) - best(b)).slice(0, FINALISTS);
  const [own = [], ...others] = await match.measure({ rounds, warmUps: 0, seed: FINAL_SEED }, [0, ...finalists]);
  const ours = median(own);
  const results = others.map((samples, i) => ({
    best: match.works[finalists[i]!]!.name,
    control: median(samples),
    interval: ratioOf(own, samples).interval,
  }));
  const [fastest = NONE] = results.toSorted((a, b) => (a.control ?? 0) - (b.control ?? 0));
  return { ours, ...fastest, price: mapFigure(ratio(ours, fastest.control), (times) => times - 1) };
}
