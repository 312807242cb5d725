// JSON report of an open-loop run, with the keys of vLLM's serving benchmark.
import { type Figure, ratio } from '../../src/util/figures.ts';
import type { Spread } from '../common/statistics.ts';
import type { LoadArgs } from '../load/load-flags.ts';
import { latencyNames, type OpenLoopReport } from './report.ts';

/**
 * Makes the JSON report of a run. `rejected` and `statuses` are added to vLLM's keys. As there, statistics of latency
 * are in milliseconds, but lists of requests in seconds.
 */
export function openLoopJson(
  report: OpenLoopReport,
  args: Partial<Pick<LoadArgs, 'request-rate' | 'burstiness' | 'max-concurrency'>>,
) {
  const { requests, latencies } = report;
  return {
    num_prompts: requests.length,
    request_rate: args['request-rate'] ?? null,
    burstiness: args.burstiness ?? 1,
    max_concurrency: args['max-concurrency'] ?? null,
    duration: report.duration,
    completed: report.completed,
    failed: report.failed,
    rejected: report.rejected,
    total_input_tokens: report.inputTokens,
    total_output_tokens: report.outputTokens,
    request_throughput: report.requestThroughput,
    request_goodput: report.goodput,
    output_throughput: report.outputThroughput,
    total_token_throughput: report.totalThroughput,
    max_output_tokens_per_s: report.peakOutputThroughput,
    max_concurrent_requests: report.peakConcurrency,
    ...Object.fromEntries(latencyNames.flatMap((name) => spreadEntries(name, latencies[name]))),
    input_lens: requests.map(({ inputLength }) => inputLength),
    output_lens: requests.map(({ outputLength }) => outputLength),
    start_times: requests.map(({ start }) => start / 1000),
    ttfts: requests.map(({ ttft }) => ratio(ttft, 1000)),
    itls: requests.map(({ itls }) => itls.map((itl) => itl / 1000)),
    latencies: requests.map(({ e2e }) => ratio(e2e, 1000)),
    statuses: requests.map(({ status }) => status),
    errors: requests.map(({ error }) => error ?? ''),
  };
}

function spreadEntries(name: string, spread: Spread | null): [string, Figure][] {
  const statistics = ['mean', 'median', 'std', 'p99'] as const;
  return statistics.map((statistic) => [`${statistic}_${name}_ms`, spread?.[statistic] ?? null]);
}
