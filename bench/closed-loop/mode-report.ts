import type { FinishedRequest } from '../../src/engine/request.ts';
import { type Summary, sum, summarize } from '../statistics.ts';
import type { ModeRun } from './run-mode.ts';

/** The numbers of a run, under the names that they have in the JSON file. A metric without samples is null. */
export interface ModeReport {
  readonly requests: number;
  readonly elapsed_s: number;
  readonly prompt_tokens: number;
  /** Generated ids. */
  readonly completion_tokens: number;
  /** Completion tokens per second. */
  readonly throughput_completion: number;
  /** Prompt and completion tokens per second. */
  readonly throughput_total: number;
  /** Σ(n − 1) over the requests / (last − first token of the run). */
  readonly decode_tokens_per_s: number | null;
  /** First token − start of the run, per request. */
  readonly ttft_ms: Summary | null;
  /** (Last − first token) / (n − 1), per request with n ≥ 2 tokens. */
  readonly tpot_ms: Summary | null;
  /** Each gap between two tokens of a request. */
  readonly itl_ms: Summary | null;
  /** End of the request − start of the run, per request. */
  readonly e2e_ms: Summary | null;
  readonly per_request: readonly RequestReport[];
}

export interface RequestReport {
  readonly prompt_tokens: number;
  readonly ids: readonly number[];
  readonly seed: number;
  readonly finish_reason: string;
  readonly ttft_ms: number | null;
  readonly e2e_ms: number;
}

/** Every request arrived when the run started, so its times count from there, not from when it was encoded. */
export function reportMode({ start, end, responses }: ModeRun): ModeReport {
  const elapsed = (end - start) / 1000;
  const promptTokens = sum(responses.map((response) => response.promptTokens));
  const completionTokens = sum(responses.map((response) => response.ids.length));
  const requests = responses.map((response) => reportRequest(response, start));
  return {
    requests: responses.length,
    elapsed_s: elapsed,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    throughput_completion: completionTokens / elapsed,
    throughput_total: (promptTokens + completionTokens) / elapsed,
    decode_tokens_per_s: decodeSpeed(responses),
    ttft_ms: summarize(present(requests.map((request) => request.ttft_ms))),
    tpot_ms: summarize(present(responses.map((response) => response.timings.tpot))),
    itl_ms: summarize(responses.flatMap((response) => gaps(response.timings.tokenTimes))),
    e2e_ms: summarize(requests.map((request) => request.e2e_ms)),
    per_request: requests,
  };
}

function reportRequest(
  { promptTokens, ids, seed, finishReason, timings }: FinishedRequest,
  start: number,
): RequestReport {
  const { arrival, firstToken, e2e } = timings;
  return {
    prompt_tokens: promptTokens,
    ids,
    seed,
    finish_reason: finishReason,
    ttft_ms: firstToken === null ? null : firstToken - start,
    e2e_ms: arrival + e2e - start,
  };
}

function decodeSpeed(responses: readonly FinishedRequest[]): number | null {
  const times = responses.flatMap(({ timings }) => present([timings.firstToken, timings.lastToken]));
  const numDecoded = sum(responses.map(({ ids }) => Math.max(ids.length - 1, 0)));
  const seconds = (Math.max(...times) - Math.min(...times)) / 1000;
  return numDecoded === 0 || seconds === 0 ? null : numDecoded / seconds;
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]!);
}

function present<T>(values: readonly (T | null)[]): T[] {
  return values.filter((value) => value !== null);
}
