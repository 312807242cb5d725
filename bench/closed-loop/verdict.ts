import type { FinishedRequest } from '../../src/engine/request.ts';
import { BenchmarkError, faultOf } from '../common/completion.ts';

/** What a run gave, in the order of its requests; null for one that was turned away, which is no fault. */
export interface JudgedRun {
  readonly mode: string;
  readonly responses: readonly (FinishedRequest | null)[];
}

/** Whether the runs did the same work. */
export interface Verdict {
  /** Requests that no run turned away. */
  readonly numCompared: number;
  /** Those of them that came to their end with the same ids in every run. */
  readonly numEqual: number;
  /** A phrase for each request that failed or got other ids. */
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

/** Problems named in a message; the rest is counted. */
const MAX_NAMED = 3;

/** @throws BenchmarkError when there is a problem. */
export function throwIfUnsound({ problems }: Verdict): void {
  if (problems.length === 0) return;
  const named = problems.slice(0, MAX_NAMED).join('; ');
  const rest = problems.length > MAX_NAMED ? `; and ${problems.length - MAX_NAMED} more` : '';
  throw new BenchmarkError(named + rest);
}
