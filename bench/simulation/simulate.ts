// Simulation of an open loop: the engine as it is, on a virtual clock and a simulated runner.
import type { BatchPlan } from '../../src/core/batch-plan.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { SimulatedRunner } from '../common/simulated-runner.ts';
import { RandomStream } from '../load/random-stream.ts';
import type { TimedRequest } from '../load/requests.ts';
import type { RunHeader } from '../open-loop/run-log.ts';
import { type OpenLoopRun, runOpenLoop } from '../open-loop/run-open-loop.ts';
import type { Calibration } from './calibration.ts';
import type { StepRow } from './cost-model.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Settings, times and seed of a simulation. */
export interface SimulationOptions {
  readonly header: Pick<RunHeader, 'mode' | 'limits' | 'settings'>;
  readonly calibration: Omit<Calibration, 'steps'>;
  /** Seed of the scatter of step times. */
  readonly seed: number;
  readonly tokenizer: Tokenizer;
  readonly signal: AbortSignal;
  readonly maxConcurrency?: number | undefined;
  readonly onEnd?: (numEnded: number) => void;
}

/** Runs requests in virtual time: the code of a real run, except for clock and runner. */
export function simulate(requests: readonly TimedRequest[], options: SimulationOptions): Promise<OpenLoopRun> {
  const { header, calibration, seed, ...rest } = options;
  const clock = new VirtualClock(calibration);
  const random = new RandomStream(seed, 'step times');
  const stepMs = (plan: BatchPlan) => calibration.costs.draw(rowsOf(plan), random);
  const runner = new SimulatedRunner({ limits: header.limits, clock, stepMs });
  return clock.run(runOpenLoop(header.mode, requests, { ...rest, settings: header.settings, runner, clock }));
}

/** Lists the rows of a step, in the order of its sequences. */
export function rowsOf({ queryStartLoc, contextLens, logitsRows }: BatchPlan): StepRow[] {
  const sampled = new Set(logitsRows);
  return Array.from(contextLens, (contextLen, sequence) => {
    const next = queryStartLoc[sequence + 1]!;
    const numTokens = next - queryStartLoc[sequence]!;
    return { start: contextLen - numTokens, numTokens, samples: sampled.has(next - 1) };
  });
}
