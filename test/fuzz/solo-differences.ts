// Differences of requests from their solo runs: ids, text, log-probabilities and logits, bit by bit.
import type { FinishedRequest } from '../../src/engine/request.ts';
import { type FuzzRunner, STEP_FAILED } from './fuzz-runner.ts';
import type { FuzzSession, SoloRun } from './fuzz-session.ts';
import type { ScheduleEntry } from './schedule.ts';

/** Requests by seed. Those that come first lead, as they use the same blocks. */
export async function soloRuns(
  session: FuzzSession,
  entries: readonly Pick<ScheduleEntry, 'request' | 'numChoices'>[],
): Promise<ReadonlyMap<number, SoloRun>> {
  const runs = new Map<number, SoloRun>();
  for (const { request, numChoices } of entries) {
    const choices = numChoices === null ? [null] : Array(numChoices).keys();
    for (const choice of choices) {
      const run = await session.solo(request, choice);
      runs.set(run.response.seed, run);
    }
  }
  return runs;
}

/** Tells whether a request ended early, as the schedule says. */
export function isCut({ finishReason, error }: FinishedRequest): boolean {
  return finishReason === 'abort' || error === STEP_FAILED;
}

/** Describes how a response differs from the solo run; of one that was cut, the part that it has. */
export function differencesOf(response: FinishedRequest, run: SoloRun | undefined): string[] {
  if (run === undefined) return [`request ${response.requestId} has no solo run`];
  const solo = run.response;
  const numIds = isCut(response) ? response.ids.length : solo.ids.length;
  const want = {
    ids: solo.ids.slice(0, numIds),
    logprobs: solo.logprobs?.slice(response.resumedTokens, numIds) ?? null,
    promptLogprobs: isCut(response)
      ? (solo.promptLogprobs?.slice(0, response.promptLogprobs?.length) ?? null)
      : solo.promptLogprobs,
    ...(!isCut(response) && {
      text: solo.text,
      finishReason: solo.finishReason,
      stopReason: solo.stopReason,
      error: null,
    }),
  };
  const differences = Object.entries(want).flatMap(([key, value]) => {
    const got = JSON.stringify(response[key as keyof typeof want]);
    return got === JSON.stringify(value) ? [] : [`${key} ${got}, alone ${JSON.stringify(value)}`];
  });
  if (!solo.text.startsWith(response.text)) differences.push(`text ${response.text}, alone ${solo.text}`);
  return differences.map((difference) => `request ${response.requestId} has ${difference}`);
}

/** Finds rows of logits that differ from the solo run, and survivors whose last row was not seen. */
export function logitDifferences(
  runner: FuzzRunner,
  solo: ReadonlyMap<number, SoloRun>,
  responses: readonly FinishedRequest[],
): string[] {
  const seen = new Set<string>();
  const differences: string[] = [];
  for (const { seed, position, bytes, isDoubtful } of runner.logits) {
    // A row after the end of its request means nothing.
    const alone = solo.get(seed)?.logits.get(position);
    if (alone === undefined) continue;
    if (alone.equals(bytes)) seen.add(`${seed} ${position}`);
    else if (!isDoubtful) differences.push(`logits of seed ${seed} for position ${position} differ in a bit`);
  }
  for (const response of responses) {
    const { requestId, seed, promptTokens, ids } = response;
    const last = promptTokens + ids.length - 1;
    if (!isCut(response) && !seen.has(`${seed} ${last}`)) {
      differences.push(`request ${requestId} has no logits for position ${last}`);
    }
  }
  return differences;
}
