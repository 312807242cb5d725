// Report of what HTTP costs, as text and as JSON.
import { count } from '../../src/util/count.ts';
import { type Figure, formatFigure } from '../../src/util/figures.ts';
import { formatRow } from '../report/table.ts';
import type { HttpArgs } from './http-args.ts';
import type { ProcessorCost, ThroughputCost, TtftCost } from './http-costs.ts';

/** Costs of HTTP. */
export interface HttpReport {
  readonly ttft: TtftCost;
  readonly throughput: ThroughputCost;
  readonly processor: ProcessorCost;
}

const WIDTHS = [46, -9, -9, -11] as const;

/** Formats a row for each cost. */
export function formatHttpCosts(
  { ttft, throughput, processor }: HttpReport,
  { streams }: Pick<HttpArgs, 'streams'>,
): string {
  const row = (label: string, figures: readonly Figure[], digits: readonly number[]) =>
    formatRow([label, ...figures.map((figure, column) => formatFigure(figure, digits[column]!))], WIDTHS);
  return [
    formatRow(['', 'engine', 'HTTP', 'difference'], WIDTHS),
    row('TTFT of one request at a time, p50 (ms)', [ttft.engine, ttft.client, ttft.difference], [2, 2, 2]),
    row('processor time a token, no model (µs)', [processor.engine, processor.server, processor.difference], [1, 1, 1]),
    formatRow(['', 'engine', 'HTTP', 'ratio'], WIDTHS),
    row(`tokens/s at ${count(streams, 'stream')}`, [throughput.engine, throughput.http, throughput.ratio], [1, 1, 3]),
    `processor time of the client a token: ${formatFigure(processor.client, 1)} µs`,
  ].join('\n');
}

/** Makes the JSON report. */
export function httpJson({ ttft, throughput, processor }: HttpReport) {
  return {
    schema: 'roseinfer-http-1',
    ttft_ms: { engine_p50: ttft.engine, client_p50: ttft.client, difference_p50: ttft.difference },
    tokens_per_s: { engine: throughput.engine, http: throughput.http, ratio: throughput.ratio },
    processor_us_per_token: {
      engine: processor.engine,
      server: processor.server,
      difference: processor.difference,
      client: processor.client,
    },
  };
}
