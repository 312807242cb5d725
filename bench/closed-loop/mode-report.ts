// Report of a closed-loop run: one set of numbers, for text and JSON.
import type { FinishedRequest } from '../../src/engine/request.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { present, sum } from '../../src/util/statistics.ts';
import { faultOf, isComplete } from '../common/completion.ts';
import { decodeSpeed } from '../common/decode-speed.ts';
import { gapsOf, type Summary, summarize } from '../common/statistics.ts';
import type { ModeRun } from './run-mode.ts';

/**
 * Figures of a run, under their names in the JSON file. Tokens, rates and latencies are of completed requests; a metric
 * without samples is null.
 */
interface RunFigures {
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
}

/** Numbers of a mode: the figures of the run that is reported, and its requests. */
export interface ModeReport extends RunFigures {
  /** Every run of the mode, in their order, the reported one among them. */
  readonly rounds: readonly RunFigures[];
  /** Every request of the reported run, failed ones too. */
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
  readonly tpot_ms: number | null;
  /** Gaps between tokens. */
  readonly itls_ms: readonly number[];
  readonly e2e_ms: number;
}

/**
 * Evaluates a run. Its requests all arrived at its start, so times count from there, not from their encoding.
 *
 * @param rounds every run of the mode so far.
 */
export function reportMode(run: ModeRun, rounds: readonly ModeRun[] = [run]): ModeReport {
  const per_request = run.responses.map((response) => reportRequest(response, run.start));
  return { ...figuresOf(run), rounds: rounds.map(figuresOf), per_request };
}

function figuresOf({ start, end, responses }: ModeRun): RunFigures {
  const elapsed = (end - start) / 1000;
  const completed = responses.filter(isComplete);
  const promptTokens = sum(completed.map((response) => response.promptTokens));
  const completionTokens = sum(completed.map((response) => response.ids.length));
  const rate = (tokens: number) => (completed.length === 0 ? null : ratio(tokens, elapsed));
  const counted = completed.map((response) => reportRequest(response, start));
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
    tpot_ms: summarize(present(counted.map((row) => row.tpot_ms))),
    itl_ms: summarize(counted.flatMap((row) => row.itls_ms)),
    e2e_ms: summarize(counted.map((row) => row.e2e_ms)),
  };
}

function reportRequest(response: FinishedRequest, start: number): RequestReport {
  const { promptTokens, ids, seed, finishReason, timings } = response;
  const { arrival, firstToken, tpot, tokenTimes, e2e } = timings;
  return {
    prompt_tokens: promptTokens,
    ids,
    seed,
    finish_reason: finishReason,
    error: faultOf(response),
    ttft_ms: firstToken === null ? null : firstToken - start,
    tpot_ms: tpot,
    itls_ms: gapsOf(tokenTimes),
    e2e_ms: arrival + e2e - start,
  };
}
