// Metrics for a Prometheus scraper, under the names that dashboards and routers know from vLLM; those of this project alone begin with
// roseinfer. Requests are counted as they end, gauges are read when a scraper asks.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ModelLimits } from '../core/runner.ts';
import type { EngineObserver } from '../engine/observe/observers.ts';
import type { StepRecord, StepRecordRow } from '../engine/observe/step-record.ts';
import type { FinishedRequest } from '../engine/request.ts';
import type { LoopDelay } from './loop-delay.ts';

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const SHORT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2.5];
const TOKENS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
const CHOICES = [1, 2, 5, 10, 20, 50, 100];
const FINISH_REASONS = ['stop', 'length', 'abort', 'error'] as const;
const MS_PER_SECOND = 1000;

/** State of a server that gauges read. */
export interface MetricsSource {
  readonly modelName: string;
  readonly limits: ModelLimits;
  /** Choices that have not ended. */
  readonly numChoices: () => number;
  readonly numConnections: () => number;
  readonly storedBytes: () => number;
  readonly loopDelay: LoopDelay;
}

/** The metrics of one server, which observe its engine. */
export class Metrics implements EngineObserver {
  readonly #source: MetricsSource;
  readonly #registry = new Registry();
  /** Ids of requests that run. */
  readonly #running = new Set<string>();
  /** When each request that has not ended was first in a step, in milliseconds of the engine's clock. */
  readonly #started = new Map<string, number>();
  /** Rows of the last step. */
  #rows: readonly StepRecordRow[] = [];
  readonly #preemptions = this.#counter('vllm:num_preemptions_total', 'Preemptions');
  readonly #promptTokens = this.#counter('vllm:prompt_tokens_total', 'Tokens of prompts');
  readonly #generationTokens = this.#counter('vllm:generation_tokens_total', 'Generated tokens');
  readonly #prefixQueries = this.#counter('vllm:prefix_cache_queries_total', 'Tokens looked up in the prefix cache');
  readonly #prefixHits = this.#counter('vllm:prefix_cache_hits_total', 'Tokens found in the prefix cache');
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

  constructor(source: MetricsSource) {
    this.#source = source;
    const { modelName, limits, numChoices, numConnections, storedBytes } = source;
    const { blockSize, numBlocks, maxBatchSize } = limits;
    this.#registry.setDefaultLabels({ model_name: modelName });
    for (const reason of FINISH_REASONS) this.#success.inc({ finished_reason: reason }, 0);
    const sizes = { block_size: blockSize, num_gpu_blocks: numBlocks, max_num_seqs: maxBatchSize };
    this.#gauge('vllm:cache_config_info', 'Sizes of the KV cache', () => ({ value: 1, labels: sizes }));
    const value = (read: () => number) => () => ({ value: read() });
    const waiting = () => Math.max(numChoices() - this.#running.size, 0);
    this.#gauge(
      'vllm:num_requests_running',
      'Requests that run',
      value(() => this.#running.size),
    );
    this.#gauge('vllm:num_requests_waiting', 'Requests that wait', value(waiting));
    this.#gauge(
      'vllm:kv_cache_usage_perc',
      'Share of the KV cache in use, of 1',
      value(() => this.#usage()),
    );
    this.#gauge('roseinfer:connections', 'Open connections', value(numConnections));
    this.#gauge('roseinfer:stored_response_bytes', 'Bytes of stored responses', value(storedBytes));
    this.#gauge('roseinfer:event_loop_delay_seconds', 'Delay of the event loop since the last scrape', () =>
      this.#delays(),
    );
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

  onStep({ rows, admitted, preempted, submitted }: StepRecord): void {
    this.#rows = rows;
    for (const id of preempted) this.#running.delete(id);
    for (const id of admitted) {
      this.#running.add(id);
      if (!this.#started.has(id)) this.#started.set(id, submitted);
    }
    this.#stepTokens.observe(rows.reduce((sum, { numTokens }) => sum + numTokens, 0));
  }

  onFinish(finished: FinishedRequest): void {
    const { requestId, promptTokens, cachedTokens, ids, finishReason, preemptions, recomputedTokens } = finished;
    this.#running.delete(requestId);
    this.#success.inc({ finished_reason: finishReason });
    this.#promptTokens.inc(promptTokens);
    this.#prefixQueries.inc(promptTokens);
    this.#prefixHits.inc(cachedTokens);
    this.#generationTokens.inc(ids.length);
    this.#preemptions.inc(preemptions);
    this.#recomputed.inc(recomputedTokens);
    this.#ofPrompt.observe(promptTokens);
    this.#ofGeneration.observe(ids.length);
    this.#observeTimes(finished);
  }

  /** Writes all as text, for the answer to a scraper. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #observeTimes({ requestId, timings }: FinishedRequest): void {
    const { arrival, firstToken, lastToken, tokenTimes, e2e } = timings;
    const started = this.#started.get(requestId);
    this.#started.delete(requestId);
    observe(this.#endToEnd, e2e);
    if (started !== undefined) {
      observe(this.#queue, started - arrival);
      observe(this.#inference, arrival + e2e - started);
    }
    if (firstToken === null || lastToken === null) return;
    observe(this.#firstToken, firstToken - arrival);
    if (started !== undefined) observe(this.#prefill, firstToken - started);
    observe(this.#decode, lastToken - firstToken);
    for (let i = 1; i < tokenTimes.length; i++) observe(this.#interToken, tokenTimes[i]! - tokenTimes[i - 1]!);
  }

  /** By the contexts of the last step; blocks that several share count as often. */
  #usage(): number {
    const { blockSize, numBlocks } = this.#source.limits;
    const blocks = this.#rows
      .filter(({ requestId }) => this.#running.has(requestId))
      .map(({ start, numTokens }) => Math.ceil((start + numTokens) / blockSize));
    return Math.min(blocks.reduce((sum, count) => sum + count, 0) / numBlocks, 1);
  }

  #delays() {
    const { p50, p99, max } = this.#source.loopDelay.take();
    return [
      { labels: { quantile: '0.5' }, value: p50 },
      { labels: { quantile: '0.99' }, value: p99 },
      { labels: { quantile: '1' }, value: max },
    ];
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => Sample | readonly Sample[]): void {
    const labelNames = [read()].flat().flatMap(({ labels = {} }) => Object.keys(labels));
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...new Set(labelNames)],
      registers: [this.#registry],
      collect: () => {
        for (const { labels = {}, value } of [read()].flat()) gauge.set(labels, value);
      },
    });
  }
}

/** A value of a gauge. */
interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string | number>>;
}

function observe(histogram: Histogram, milliseconds: number): void {
  histogram.observe(milliseconds / MS_PER_SECOND);
}
