import type { Clock } from '../core/clock.ts';
import { planBatch } from '../core/plan-batch.ts';
import type { ExecuteOptions, Runner, StepResult } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import { MissingLogprobsError, StepResultError } from './errors.ts';

/** What came of a step; `time` is when the host knew, in milliseconds of the engine's clock. */
export type StepOutcome =
  | { readonly time: number; readonly error: string }
  | {
      readonly time: number;
      readonly error: null;
      readonly sampled: readonly SchedulerRow[];
      readonly result: StepResult;
    };

/**
 * Submits a step before it returns; never rejects. The ids are stamped as they arrive, not when a later turn reads them.
 */
export async function runStep(
  runner: Runner,
  clock: Clock,
  rows: readonly SchedulerRow[],
  options?: ExecuteOptions,
): Promise<StepOutcome> {
  try {
    const { plan, sampled } = planBatch(rows, runner.limits);
    const result = await runner.execute(plan, options);
    checkResult(result, sampled);
    return { time: clock.now(), error: null, sampled, result };
  } catch (error) {
    return { time: clock.now(), error: messageOf(error) };
  }
}

/** @throws StepResultError when a row lacks its id, its flag or the log-probabilities that it asked for. */
function checkResult({ ids, finite, logprobs }: StepResult, sampled: readonly SchedulerRow[]): void {
  const numRows = sampled.length;
  if (ids.length !== numRows || finite.length !== numRows)
    throw new StepResultError(ids.length, finite.length, numRows);
  const lacking = sampled.findIndex(({ sequence }, row) => sequence.params.logprobs !== null && !logprobs?.[row]);
  if (lacking >= 0) throw new MissingLogprobsError(lacking);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
