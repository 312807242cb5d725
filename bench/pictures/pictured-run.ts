// A run as pictures need it, whether its requests arrived over time or were all there at the start.
import type { StepRecordRow } from '../../src/engine/observe/step-record.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import type { ModeRun } from '../closed-loop/run-mode.ts';
import type { RecordedStep } from '../common/recorded-step.ts';
import type { BenchRequest } from '../load/requests.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';

/** Takes a closed loop as an open one, whose requests all arrived at its start. */
export function asOpenLoop({ responses, ...run }: ModeRun, requests: readonly BenchRequest[]): OpenLoopRun {
  return { ...run, requests, outcomes: responses.map((response) => ({ start: run.start, response })) };
}

/** Lists the requests of a run that were not rejected. */
export function responsesOf({ outcomes }: OpenLoopRun): FinishedRequest[] {
  return outcomes.flatMap(({ response }) => (response === null ? [] : [response]));
}

/** A stretch of a run in which its engine did one thing; in milliseconds from the start of the run. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  /** Null while no step ran. */
  readonly step: RecordedStep | null;
}

/**
 * Cuts a run into stretches without a gap: each step from the end of the one before it, or from its own submit, to its end.
 * Of steps that overlap the second counts from the end of the first.
 */
export function stretchesOf({ start, end, steps }: OpenLoopRun): Stretch[] {
  const stretches: Stretch[] = [];
  let now = 0;
  const add = (until: number, step: RecordedStep | null) => {
    if (until > now) stretches.push({ start: now, end: until, step });
    now = Math.max(now, until);
  };
  for (const step of steps) {
    add(step.submitted - start, null);
    add(step.finished - start, step);
  }
  add(end - start, null);
  return stretches;
}

/** Tells whether a row of a step computes a token that was generated, not one of the prompt. */
export function isDecode({ start, numTokens }: StepRecordRow, promptTokens: number): boolean {
  return numTokens === 1 && start >= promptTokens;
}

/** Makes the lengths of prompts by the ids of their requests. */
export function promptLengths(run: OpenLoopRun): ReadonlyMap<string, number> {
  return new Map(responsesOf(run).map(({ requestId, promptTokens }) => [requestId, promptTokens]));
}
