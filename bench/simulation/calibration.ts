// Calibration of a simulation: costs of steps and delays of the host, learned from recorded runs.
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { summarize } from '../common/statistics.ts';
import { type LogEntry, type LoggedTurn, requestsIn, stepsIn, turnsIn } from '../open-loop/run-log.ts';
import { CostModel, type MeasuredStep } from './cost-model.ts';

/** Times of recorded runs that a simulation imitates. */
export interface Calibration {
  /** Times of steps on the device. */
  readonly costs: CostModel;
  /** Steps from which they come. */
  readonly steps: readonly MeasuredStep[];
  /** Mean milliseconds of the host's work between the end of a step and the submission that follows it. */
  readonly pauseMs: number;
  /** Median milliseconds between the arrival of a request and its addition to the engine. */
  readonly lateMs: number;
}

/** Learns the times of one recorded run or several. */
export function calibrate(runs: readonly (readonly LogEntry[])[]): Calibration {
  const turns = runs.map(turnsIn);
  const requests = requestsIn(runs.flat());
  const steps = turns.flatMap(measureSteps);
  return {
    costs: CostModel.fit(steps),
    steps,
    pauseMs: summarize(turns.flatMap(measurePauses))?.mean ?? 0,
    lateMs: summarize(requests.map(({ start, added }) => added - start))?.p50 ?? 0,
  };
}

/** Measures steps, which run one after another: one submitted early begins at the end of the one before. */
function measureSteps(turns: readonly LoggedTurn[]): MeasuredStep[] {
  let freeAt = Number.NEGATIVE_INFINITY;
  return stepsIn(turns).map(({ submitted, finished, rows }) => {
    const milliseconds = finished - Math.max(submitted, freeAt);
    freeAt = finished;
    return { rows, milliseconds };
  });
}

/**
 * Measures the pauses from the end of the step that a turn waits for to the submission in the next turn. A pause during
 * which nothing is in flight is left out: the host may have waited for requests.
 */
function measurePauses(turns: readonly LoggedTurn[]): number[] {
  const inFlight: StepRecord[] = [];
  const pauses: number[] = [];
  let ready: number | null = null;
  for (const { turn, step } of turns) {
    if (ready !== null && step !== null) pauses.push(step.submitted - ready);
    if (step !== null) inFlight.push(step);
    const awaited = inFlight.length > (step === null ? 0 : 1) ? inFlight.shift() : undefined;
    ready = awaited === undefined || inFlight.length === 0 ? null : Math.max(awaited.finished, turn);
  }
  return pauses;
}
