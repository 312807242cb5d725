// One step from rows to ids. A fault in it becomes an outcome, so that it ends only the requests in the step.
import type { Clock } from '../core/clock.ts';
import type { Lease } from '../core/lease.ts';
import { planBatch } from '../core/plan-batch.ts';
import type { ExecuteOptions, Runner, StepResult } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import { messageOf } from '../util/message-of.ts';
import { tokenId } from '../util/option-checks.ts';
import { quote } from '../util/quote.ts';
import { StepResultError } from './errors.ts';

/** Outcome of a step; `time` is when the result reached the host, in milliseconds of the engine's clock. */
export type StepOutcome =
  | { readonly time: number; readonly error: string }
  | {
      readonly time: number;
      readonly error: null;
      readonly sampled: readonly SchedulerRow[];
      readonly scored: readonly SchedulerRow[];
      readonly embedded: readonly SchedulerRow[];
      readonly result: StepResult;
    };

/** Runner, clock and lease that the steps of an engine share. */
export interface StepContext {
  readonly runner: Runner;
  readonly clock: Clock;
  readonly lease: Lease;
}

/**
 * Submits a step before it returns; never rejects. The ids are stamped as they arrive, not when a later turn reads them.
 */
export async function runStep(
  { runner, clock, lease }: StepContext,
  rows: readonly SchedulerRow[],
  options?: ExecuteOptions,
): Promise<StepOutcome> {
  try {
    const { plan, sampled, scored, embedded } = planBatch(rows, runner.limits);
    const result = await runner.execute({ ...plan, lease }, options);
    checkResult(result, sampled, runner.limits.vocabSize);
    checkScores(result, plan.scored?.targets ?? []);
    checkEmbeddings(result, embedded.length);
    return { time: clock.now(), error: null, sampled, scored, embedded, result };
  } catch (error) {
    return { time: clock.now(), error: messageOf(error) };
  }
}

/**
 * Checks that a step's result is complete: of an incomplete one nothing is applied.
 *
 * @throws StepResultError when a row lacks its flag, its id or the log-probabilities that it asked for, or when the id
 * is not in the vocabulary.
 */
function checkResult(result: StepResult, sampled: readonly SchedulerRow[], vocabSize: number): void {
  if (typeof result !== 'object' || result === null) throw new StepResultError(quote(result), 'a StepResult');
  const { ids, finite, logprobs } = result;
  const [numIds, numFlags] = [lengthOf(ids), lengthOf(finite)];
  if (numIds !== sampled.length || numFlags !== sampled.length) {
    throw new StepResultError(`${numIds} ids and ${numFlags} finite flags`, `${sampled.length} of each`);
  }
  const isToken = tokenId(vocabSize);
  for (const [row, { sequence }] of sampled.entries()) {
    const [id, flag] = [ids[row], finite[row]];
    if (flag !== 0 && flag !== 1) throw new StepResultError(`finite flag ${quote(flag)} of row ${row}`, '0 or 1');
    if (flag === 1 && !isToken.accepts(id))
      throw new StepResultError(`id ${quote(id)} of row ${row}`, isToken.expected);
    if (sequence.params.logprobs !== null && !logprobs?.[row]) {
      throw new StepResultError(`no logprobs of row ${row}`, 'them as its request asks');
    }
  }
}

/**
 * Checks that a result has the scores of all ids.
 *
 * @throws StepResultError when it has not.
 */
function checkScores({ promptLogprobs = [] }: StepResult, ids: ArrayLike<number>): void {
  const numScores = lengthOf(promptLogprobs);
  if (numScores !== ids.length) throw new StepResultError(`${numScores} scores of prompt ids`, `${ids.length}`);
  for (const [index, score] of promptLogprobs.entries()) {
    if (score?.id !== ids[index] || typeof score.logprob !== 'number') {
      throw new StepResultError(`score ${index} of ${quote(score?.id)}`, `that of prompt id ${ids[index]}`);
    }
  }
}

/**
 * Checks that a result has all embeddings that end with its step.
 *
 * @throws StepResultError when it has not.
 */
function checkEmbeddings({ embeddings = [] }: StepResult, count: number): void {
  const numEmbeddings = lengthOf(embeddings);
  if (numEmbeddings !== count) throw new StepResultError(`${numEmbeddings} embeddings`, `${count}`);
  for (const [index, each] of embeddings.entries()) {
    if (!(each instanceof Float32Array))
      throw new StepResultError(`embedding ${index}: ${quote(each)}`, 'a Float32Array');
  }
}

/** Length of a list; 0 for any other value. */
function lengthOf(list: unknown): number {
  const isList = Array.isArray(list) || list instanceof Int32Array || list instanceof Uint8Array;
  return isList ? list.length : 0;
}
