// Metrics of a server in Prometheus's text format, read before and after a run: what rose meanwhile is the run's.
import { type Figure, mapFigure, ratio } from '../../src/util/figures.ts';
import type { HttpClient } from './http-client.ts';

/** Values by name, summed over their labels. */
export type MetricValues = ReadonlyMap<string, number>;

/** Counters of a server over a run; null where it has none, or where others called it meanwhile. */
export interface ServerFigures {
  /** Mean milliseconds from arrival to first token by the server's clock. */
  readonly meanTtft: Figure;
  readonly meanItl: Figure;
  /** Processor time of all threads in milliseconds. */
  readonly processorTime: Figure;
  /** Tokens of prompts that came from the prefix cache. */
  readonly cachedTokens: Figure;
}

const TTFT = ['vllm:time_to_first_token_seconds', 'sglang:time_to_first_token_seconds'] as const;
const ITL = [
  'vllm:inter_token_latency_seconds',
  'vllm:time_per_output_token_seconds',
  'sglang:inter_token_latency_seconds',
] as const;
const CACHED = [
  'vllm:prefix_cache_hits_total',
  'vllm:gpu_prefix_cache_hits_total',
  'sglang:cached_tokens_total',
] as const;
const PROCESSOR = ['process_cpu_seconds_total'] as const;

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)(?: \S+)?$/;

/** Reads metrics in text. */
export function parseMetrics(text: string): MetricValues {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = SAMPLE.exec(line.trimEnd()) ?? [];
    if (name !== undefined) values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}

/** Asks a server for its metrics; null for one that has none. */
export async function readMetrics(client: HttpClient): Promise<MetricValues | null> {
  const { status, body } = await client.get('/metrics');
  return status === 200 ? parseMetrics(body.toString('utf8')) : null;
}

/** Compares metrics from before and after a run of some requests that have begun to answer. */
export function compareMetrics(
  before: MetricValues | null,
  after: MetricValues | null,
  numRequests: number,
): ServerFigures {
  const rise = (names: readonly string[], suffix = ''): Figure => {
    const name = names.map((each) => each + suffix).find((each) => after?.has(each));
    return name === undefined ? null : after!.get(name)! - (before?.get(name) ?? 0);
  };
  const isAlone = rise(TTFT, '_count') === numRequests;
  const meanMs = (names: readonly string[]) =>
    isAlone ? mapFigure(ratio(rise(names, '_sum'), rise(names, '_count')), toMs) : null;
  return {
    meanTtft: meanMs(TTFT),
    meanItl: meanMs(ITL),
    processorTime: mapFigure(rise(PROCESSOR), toMs),
    cachedTokens: rise(CACHED),
  };
}

function toMs(seconds: number): number {
  return 1000 * seconds;
}
