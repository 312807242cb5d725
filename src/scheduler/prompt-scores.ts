// Scores of prompts: each prompt id from the second on has one, computed by the token before it in the first step that has that
// token, so that what is computed again after a preemption is not reported again.
import type { ScoredPositions } from '../core/plan-batch.ts';
import type { TokenLogprobs } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { Sequence } from '../core/sequence.ts';

/** Returns the positions before `end` that score the prompt of a sequence and are in no earlier step; null where there are none. */
export function positionsToScore(sequence: Sequence, end: number): ScoredPositions | null {
  const { promptLogprobs: numTop, promptIds, promptScores, numPendingScores } = sequence;
  if (numTop === null) return null;
  const start = promptScores.length + numPendingScores;
  const last = Math.min(end, promptIds.length - 1);
  return start < last ? { start, end: last, numTop } : null;
}

/** Gives the scores of a step to its sequences. Returns those with logits that are not finite, and the position that these are for. */
export function takeScores(
  rows: readonly SchedulerRow[],
  scores: readonly TokenLogprobs[],
): { readonly sequence: Sequence; readonly at: number }[] {
  const broken: { sequence: Sequence; at: number }[] = [];
  let end = 0;
  for (const { sequence, epoch, scored } of rows) {
    if (scored === null) continue;
    const start = end;
    end += scored.end - scored.start;
    if (epoch !== sequence.epoch) continue;
    const ofSequence = scores.slice(start, end);
    const index = ofSequence.findIndex(({ logprob }) => Number.isNaN(logprob));
    if (index >= 0) broken.push({ sequence, at: scored.start + index + 1 });
    sequence.numPendingScores -= ofSequence.length;
    sequence.promptScores.push(...(index < 0 ? ofSequence : []));
  }
  return broken;
}
