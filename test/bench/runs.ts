// Runs and responses for tests of reports, made from token times.
import type { ModeRun } from '../../bench/closed-loop/run-mode.ts';
import { requestTimings } from '../../src/engine/observe/timings.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';

export interface TestResponse extends Partial<Omit<FinishedRequest, 'timings'>> {
  readonly arrival?: number;
  /** Milliseconds at which the ids came. */
  readonly tokenTimes?: readonly number[];
  readonly end?: number;
}

/** Makes a response with an id per token time: 1, 2, 3, … */
export function testResponse({ arrival = 0, tokenTimes = [], end, ...fields }: TestResponse): FinishedRequest {
  return {
    requestId: '0',
    promptTokens: 4,
    resumedTokens: 0,
    cachedTokens: 0,
    cacheMiss: null,
    preemptions: 0,
    recomputedTokens: 0,
    ids: tokenTimes.map((_, index) => index + 1),
    text: '',
    finishReason: 'length',
    stopReason: null,
    error: null,
    abortReason: null,
    seed: 5,
    logprobs: null,
    promptLogprobs: null,
    embedding: null,
    timeline: null,
    timings: requestTimings(arrival, tokenTimes, end ?? tokenTimes.at(-1) ?? arrival),
    ...fields,
  };
}

/** Makes a run from 0 ms to its last response. */
export function testRun(responses: readonly FinishedRequest[], fields: Partial<ModeRun> = {}): ModeRun {
  const end = Math.max(0, ...responses.map(({ timings }) => timings.arrival + timings.e2e));
  return { mode: 'online', start: 0, end, responses, steps: [], ...fields };
}
