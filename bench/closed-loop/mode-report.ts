// Report of a closed-loop run: one set of numbers, for text and JSON.
import type { FinishedRequest } from '../../src/engine/request.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { present, sum } from '../../src/util/statistics.ts';
import { faultOf, isComplete } from '../common/completion.ts';
import { decodeSpeed } from '../common/decode-speed.ts';
import { gapsOf, type Summary, summarize } from '../common/statistics.ts';
import type { ModeRun } from './run-mode.ts';

/**
 * Numbers of a run, under their names in the JSON file. Tokens, rates and latencies are of completed requests; a metric
 * without samples is null.
 */
export interface ModeReport {
  readonly requests: number;
  /** Requests that failed or were aborted. */
  readonly failed: number;
  readonly elapsed_s: number;
  readonly prompt_tokens: number;
  /** Generated ids. */
  readonly completion_tokens: number;
  /** Completion tokens per second. */
  readonly throughput_completion: Figure;
  /** Prompt and completion tokens per second. */
  readonly throughput_total: Figure;
  /** Σ(n − 1) over the requests / (last − first token of the run). */
  readonly decode_tokens_per_s: Figure;
  /** First token − start of the run, per request. */
  readonly ttft_ms: Summary | null;
  /** (Last − first token) / (n − 1), per request with n ≥ 2 tokens. */
  readonly tpot_ms: Summary | null;
  /** Each gap between two tokens of a request. */
  readonly itl_ms: Summary | null;
  /** End of the request − start of the run, per request. */
  readonly e2e_ms: Summary | null;
  /** Every request, failed ones too. */
  readonly per_request: readonly RequestReport[];
}

/** Numbers of a request. */
export interface RequestReport {
  readonly prompt_tokens: number;
  readonly ids: readonly number[];
  readonly seed: number;
  readonly finish_reason: string;
  /** Why the request is not complete; null when it is. */
  readonly error: string | null;
  readonly ttft_ms: number | null;
  readonly e2e_ms: number;
}

/** Evaluates a run. Its requests all arrived at its start, so times count from there, not from their encoding. */
export function reportMode({ start, end, responses }: ModeRun): ModeReport {
  const elapsed = (end - start) / 1000;
  const completed = responses.filter(isComplete);
  const promptTokens = sum(completed.map((response) => response.promptTokens));
  const completionTokens = sum(completed.map((response) => response.ids.length));
  const rate = (tokens: number) => (completed.length === 0 ? null : ratio(tokens, elapsed));
  const rows = responses.map((response) => reportRequest(response, start));
  const counted = rows.filter((row) => row.error === null);
  return {
    requests: responses.length,
    failed: responses.length - completed.length,
    elapsed_s: elapsed,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    throughput_completion: rate(completionTokens),
    throughput_total: rate(promptTokens + completionTokens),
    decode_tokens_per_s: decodeSpeed(completed.map(({ ids, timings }) => ({ ids, times: timings.tokenTimes }))),
    ttft_ms: summarize(present(counted.map((row) => row.ttft_ms))),
    tpot_ms: summarize(present(completed.map((response) => response.timings.tpot))),
    itl_ms: summarize(completed.flatMap((response) => gapsOf(response.timings.tokenTimes))),
    e2e_ms: summarize(counted.map((row) => row.e2e_ms)),
    per_request: rows,
  };
}

function reportRequest(response: FinishedRequest, start: number): RequestReport {
  const { promptTokens, ids, seed, finishReason, timings } = response;
  const { arrival, firstToken, e2e } = timings;
  return {
    prompt_tokens: promptTokens,
    ids,
    seed,
    finish_reason: finishReason,
    error: faultOf(response),
    ttft_ms: firstToken === null ? null : firstToken - start,
    e2e_ms: arrival + e2e - start,
  };
}
