// Verdict on runs of the same requests: speeds compare only when the ids are the same.
import type { FinishedRequest } from '../../src/engine/request.ts';
import { BenchmarkError, faultOf } from '../common/completion.ts';

/** Responses of a run in the order of its requests; null for a rejected one, which is no fault. */
export interface JudgedRun {
  readonly mode: string;
  readonly responses: readonly (FinishedRequest | null)[];
}

/** Comparison of the ids of all runs. */
export interface Verdict {
  /** Requests that no run rejected. */
  readonly numCompared: number;
  /** Compared requests that are complete and have the same ids in every run. */
  readonly numEqual: number;
  /** Phrases, one for each request that failed or has different ids. */
  readonly problems: readonly string[];
}

/** Compares runs of the same requests. */
export function judgeRuns(runs: readonly JudgedRun[]): Verdict {
  const numRequests = runs[0]?.responses.length ?? 0;
  const problems = Array.from(
    { length: numRequests },
    (_, index) => findFailure(runs, index) ?? findDifference(runs, index),
  );
  const isCompared = (_: string | null, index: number) => runs.every(({ responses }) => responses[index] !== null);
  const compared = problems.filter(isCompared);
  return {
    numCompared: compared.length,
    numEqual: compared.filter((problem) => problem === null).length,
    problems: problems.filter((problem) => problem !== null),
  };
}

function findFailure(runs: readonly JudgedRun[], index: number): string | null {
  for (const { mode, responses } of runs) {
    const response = responses[index] ?? null;
    const fault = response === null ? null : faultOf(response);
    if (fault !== null) return `request ${index} failed in ${mode}: ${fault}`;
  }
  return null;
}

function findDifference(runs: readonly JudgedRun[], index: number): string | null {
  const [first, ...others] = runs.flatMap(({ mode, responses }) => {
    const ids = responses[index]?.ids;
    return ids === undefined ? [] : [{ mode, ids }];
  });
  const want = first?.ids ?? [];
  for (const { mode, ids } of others) {
    const place = Array.from({ length: Math.max(ids.length, want.length) }, (_, i) => i).find(
      (i) => ids[i] !== want[i],
    );
    if (place === undefined) continue;
    return `request ${index} differs: its id ${place} is ${want[place] ?? 'none'} in ${first?.mode}, ${ids[place] ?? 'none'} in ${mode}`;
  }
  return null;
}

/** Most problems that a message names; it counts the rest. */
const MAX_NAMED = 3;

/** Refuses runs with a problem. @throws BenchmarkError naming the first problems. */
export function throwIfUnsound({ problems }: Verdict): void {
  throwIfAny(problems);
}

/** Refuses a measurement with problems. @throws BenchmarkError naming the first of them. */
export function throwIfAny(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const named = problems.slice(0, MAX_NAMED).join('; ');
  const rest = problems.length > MAX_NAMED ? `; and ${problems.length - MAX_NAMED} more` : '';
  throw new BenchmarkError(named + rest);
}
