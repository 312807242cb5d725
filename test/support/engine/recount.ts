// Recomputed tokens and preemptions of a request, counted from the step records: the second count beside the engine's
// own.
import type { StepRecord } from '../../../src/engine/observe/step-record.ts';

/** Counts of a request by its steps: tokens that were computed more than once, and preemptions. */
export function recount(steps: readonly StepRecord[], requestId: string) {
  const had = new Set<number>();
  let recomputedTokens = 0;
  for (const { start, numTokens } of steps.flatMap(({ rows }) => rows.filter((row) => row.requestId === requestId))) {
    // Whether computed or cached, the tokens before a row are resident when it runs.
    for (let position = 0; position < start; position++) had.add(position);
    for (let position = start; position < start + numTokens; position++) {
      if (had.has(position)) recomputedTokens++;
      had.add(position);
    }
  }
  const preempted = steps.flatMap((step) => step.preempted).filter((id) => id === requestId);
  return { recomputedTokens, preemptions: preempted.length };
}
