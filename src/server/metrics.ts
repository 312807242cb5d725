// Metrics for a Prometheus scraper, under the names that dashboards and routers know from vLLM; those of this project alone begin with
// roseinfer. Histograms are filled as requests and steps end, all else is read when a scraper asks.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ModelLimits } from '../core/runner.ts';
import type { EngineObserver } from '../engine/observe/observers.ts';
import type { StepRecord } from '../engine/observe/step-record.ts';
import type { FinishedRequest } from '../engine/request.ts';
import type { SchedulerStats } from '../scheduler/scheduler.ts';
import type { LoopDelay } from './loop-delay.ts';

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const SHORT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2.5];
const TOKENS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
const CHOICES = [1, 2, 5, 10, 20, 50, 100];
const FINISH_REASONS = ['stop', 'length', 'abort', 'error'] as const;
const MS_PER_SECOND = 1000;
const US_PER_SECOND = 1e6;

/** State of a server that gauges read. */
export interface MetricsSource {
  readonly modelName: string;
  readonly limits: ModelLimits;
  readonly stats: () => SchedulerStats;
  readonly numConnections: () => number;
  readonly storedBytes: () => number;
  readonly loopDelay: LoopDelay;
}

/** The metrics of one server, which observe its engine. */
export class Metrics implements EngineObserver {
  readonly #registry = new Registry();
  readonly #success = this.#counter('vllm:request_success_total', 'Requests that ended', ['finished_reason']);
  readonly #recomputed = this.#counter('roseinfer:recomputed_tokens_total', 'Tokens computed again after preemptions');
  readonly #calls = this.#counter('roseinfer:http_requests_total', 'Calls that were answered', ['route', 'status']);
  readonly #stepTokens = this.#histogram('vllm:iteration_tokens_total', 'Tokens of a step', TOKENS);
  readonly #ofPrompt = this.#histogram('vllm:request_prompt_tokens', 'Tokens of a prompt', TOKENS);
  readonly #ofGeneration = this.#histogram('vllm:request_generation_tokens', 'Generated tokens of a request', TOKENS);
  readonly #paramsN = this.#histogram('vllm:request_params_n', 'Parameter n', CHOICES);
  readonly #paramsMaxTokens = this.#histogram('vllm:request_params_max_tokens', 'Parameter max_tokens', TOKENS);
  readonly #firstToken = this.#histogram('vllm:time_to_first_token_seconds', 'Arrival to first token', SECONDS);
  readonly #interToken = this.#histogram('vllm:inter_token_latency_seconds', 'Token to token', SHORT_SECONDS);
  readonly #endToEnd = this.#histogram('vllm:e2e_request_latency_seconds', 'Arrival to end', SECONDS);
  readonly #queue = this.#histogram('vllm:request_queue_time_seconds', 'Arrival to first step', SECONDS);
  readonly #inference = this.#histogram('vllm:request_inference_time_seconds', 'First step to end', SECONDS);
  readonly #prefill = this.#histogram('vllm:request_prefill_time_seconds', 'First step to first token', SECONDS);
  readonly #decode = this.#histogram('vllm:request_decode_time_seconds', 'First to last token', SECONDS);

  constructor({ modelName, limits, stats, numConnections, storedBytes, loopDelay }: MetricsSource) {
    this.#registry.setDefaultLabels({ model_name: modelName });
    for (const reason of FINISH_REASONS) this.#success.inc({ finished_reason: reason }, 0);
    this.#read('gauge', 'vllm:num_requests_running', 'Requests that run', () => stats().numRunning);
    this.#read('gauge', 'vllm:num_requests_waiting', 'Requests that wait', () => stats().numWaiting);
    const usage = () => stats().numUsedBlocks / stats().numBlocks;
    this.#read('gauge', 'vllm:kv_cache_usage_perc', 'Share of the KV cache in use, of 1', usage);
    this.#read('counter', 'vllm:num_preemptions_total', 'Preemptions', () => stats().preemptions);
    this.#read('counter', 'vllm:prompt_tokens_total', 'Tokens of prompts', () => stats().promptTokens);
    this.#read('counter', 'vllm:generation_tokens_total', 'Generated tokens', () => stats().generatedTokens);
    const [queries, hits] = ['Tokens looked up in the prefix cache', 'Tokens found in the prefix cache'];
    this.#read('counter', 'vllm:prefix_cache_queries_total', queries, () => stats().prefixQueries);
    this.#read('counter', 'vllm:prefix_cache_hits_total', hits, () => stats().prefixHits);
    this.#read('gauge', 'roseinfer:connections', 'Open connections', numConnections);
    this.#read('gauge', 'roseinfer:stored_response_bytes', 'Bytes of stored responses', storedBytes);
    this.#read('counter', 'process_cpu_seconds_total', 'Processor time of all threads', processorSeconds);
    this.#read('gauge', 'process_resident_memory_bytes', 'Memory in use', process.memoryUsage.rss);
    const { blockSize, numBlocks, maxBatchSize } = limits;
    const sizes = { block_size: blockSize, num_gpu_blocks: numBlocks, max_num_seqs: maxBatchSize };
    this.#gauge('vllm:cache_config_info', 'Sizes of the KV cache', Object.keys(sizes)).set(sizes, 1);
    const name = 'roseinfer:event_loop_delay_seconds';
    const delays = this.#gauge(name, 'Delay of the event loop since the last scrape', ['quantile'], () => {
      const { p50, p99, max } = loopDelay.take();
      delays.set({ quantile: '0.5' }, p50);
      delays.set({ quantile: '0.99' }, p99);
      delays.set({ quantile: '1' }, max);
    });
  }

  /** Counts a call of some choices. */
  countCall(n: number, maxTokens: number | undefined): void {
    this.#paramsN.observe(n);
    if (maxTokens !== undefined) this.#paramsMaxTokens.observe(maxTokens);
  }

  /** Counts an answer. @param route as it is declared, since a path may hold anything. */
  countAnswer(route: string, status: number): void {
    this.#calls.inc({ route, status });
  }

  onStep({ rows }: StepRecord): void {
    this.#stepTokens.observe(rows.reduce((sum, { numTokens }) => sum + numTokens, 0));
  }

  onFinish({ promptTokens, ids, resumedTokens, finishReason, recomputedTokens, timings }: FinishedRequest): void {
    this.#success.inc({ finished_reason: finishReason });
    this.#recomputed.inc(recomputedTokens);
    this.#ofPrompt.observe(promptTokens);
    this.#ofGeneration.observe(ids.length - resumedTokens);
    this.#observeTimes(timings);
  }

  /** Writes all as text, for the answer to a scraper. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #observeTimes({ arrival, started, firstToken, lastToken, tokenTimes, e2e }: FinishedRequest['timings']): void {
    observe(this.#endToEnd, e2e);
    if (started === null) return;
    observe(this.#queue, started - arrival);
    observe(this.#inference, arrival + e2e - started);
    if (firstToken === null || lastToken === null) return;
    observe(this.#firstToken, firstToken - arrival);
    observe(this.#prefill, firstToken - started);
    observe(this.#decode, lastToken - firstToken);
    for (let i = 1; i < tokenTimes.length; i++) observe(this.#interToken, tokenTimes[i]! - tokenTimes[i - 1]!);
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: readonly string[], collect: () => void = () => {}): Gauge {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.#registry], collect });
  }

  /** Declares a metric whose value is read when a scraper asks. */
  #read(kind: 'gauge' | 'counter', name: string, help: string, read: () => number): void {
    const registers = [this.#registry];
    if (kind === 'gauge') {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
      return;
    }
    const counter: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / US_PER_SECOND;
}

function observe(histogram: Histogram, milliseconds: number): void {
  histogram.observe(milliseconds / MS_PER_SECOND);
}
