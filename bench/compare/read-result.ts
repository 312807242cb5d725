// Reader of the file of bench/run.ts --json: every field that a comparison uses is checked, and named where it is missing.
import { isJsonObject } from '../../src/util/json.ts';
import { quote } from '../../src/util/quote.ts';
import { present, sum } from '../../src/util/statistics.ts';
import { BENCHMARK_SCHEMA } from '../closed-loop/json-report.ts';
import type { Summary } from '../common/statistics.ts';
import { JsonFields } from '../load/json-fields.ts';
import { type LineFault, readJsonFile } from '../load/json-lines.ts';
import type { ModeResult, RequestResult, RoundResult, RunResult } from './result.ts';

/** Rates of a run by their keys, in a closed loop and in an open one. */
const RATES = {
  closed: ['throughput_completion', 'throughput_total', 'decode_tokens_per_s'],
  open: ['request_throughput', 'request_goodput', 'output_throughput', 'total_token_throughput'],
} as const;

/**
 * Reads the results of a run.
 *
 * @throws JsonLinesError for a file that is none, or of a run that was cut, naming the field; the signal's reason.
 */
export async function readResult(path: string, signal: AbortSignal): Promise<RunResult> {
  const { object, fault } = await readJsonFile(path, signal);
  const { schema, partial, meta } = object;
  if (schema !== BENCHMARK_SCHEMA) {
    const found = schema === undefined ? 'missing' : quote(schema);
    throw fault(`schema is ${found}, expected ${BENCHMARK_SCHEMA}, as bench/run.ts --json writes it`);
  }
  if (partial !== false) throw fault(`partial is ${quote(partial)}, expected false: the results of a run to its end`);
  const fields = new JsonFields(object, '', fault);
  const origin = fields.object('meta');
  for (const key of ['model', 'dtype', 'adapter']) origin.text(key);
  const args = isJsonObject(meta) ? meta.args : undefined;
  if (!isJsonObject(meta) || !isJsonObject(args)) throw fault(`meta.args is ${quote(args)}, expected an object`);
  const modes = new Map(fields.entries('modes').map(([mode, own]) => [mode, readMode(own, `modes.${mode}`, fault)]));
  return { path, meta, args, modes };
}

function readMode(fields: JsonFields, name: string, fault: LineFault): ModeResult {
  return fields.has('num_prompts') ? readOpenLoop(fields, name, fault) : readClosedLoop(fields);
}

function readClosedLoop(fields: JsonFields): ModeResult {
  return {
    kind: 'closed loop',
    rounds: fields.objects('rounds').map((round) => ({
      rates: readRates(round, RATES.closed),
      latencies: {
        ttft: readSummary(round, 'ttft_ms'),
        tpot: readSummary(round, 'tpot_ms'),
        itl: readSummary(round, 'itl_ms'),
        e2e: readSummary(round, 'e2e_ms'),
      },
    })),
    requests: fields.objects('per_request').map((request): RequestResult => {
      const ids = request.integers('ids', 0);
      const samples = (key: string) => present([request.figure(key)]);
      return {
        isComplete: request.isNull('error'),
        start: 0,
        promptTokens: request.integer('prompt_tokens', 0),
        outputTokens: ids.length,
        ids,
        latencies: {
          ttft: samples('ttft_ms'),
          tpot: samples('tpot_ms'),
          itl: request.numbers('itls_ms'),
          e2e: samples('e2e_ms'),
        },
      };
    }),
  };
}

function readOpenLoop(fields: JsonFields, name: string, fault: LineFault): ModeResult {
  const count = fields.integer('num_prompts', 0);
  const columns = {
    statuses: fields.texts('statuses'),
    start_times: fields.numbers('start_times'),
    input_lens: fields.integers('input_lens', 0),
    output_lens: fields.integers('output_lens', 0),
    ttfts: fields.figures('ttfts'),
    itls: fields.numberLists('itls'),
    latencies: fields.figures('latencies'),
  };
  for (const [key, { length }] of Object.entries(columns)) {
    if (length !== count) throw fault(`${name}.${key} has ${length} entries, expected num_prompts, ${count}`);
  }
  const { statuses, start_times, input_lens, output_lens, ttfts, itls, latencies } = columns;
  return {
    kind: 'open loop',
    rounds: [readOpenRound(fields)],
    requests: statuses.map((status, i): RequestResult => {
      const outputTokens = output_lens[i]!;
      const gaps = itls[i]!.map((gap) => 1000 * gap);
      const samples = (seconds: number | null) => present([seconds]).map((value) => 1000 * value);
      return {
        isComplete: status === 'completed',
        start: start_times[i]!,
        promptTokens: input_lens[i]!,
        outputTokens,
        ids: null,
        latencies: {
          ttft: samples(ttfts[i]!),
          tpot: outputTokens < 2 ? [] : [sum(gaps) / (outputTokens - 1)],
          itl: gaps,
          e2e: samples(latencies[i]!),
        },
      };
    }),
  };
}

function readOpenRound(fields: JsonFields): RoundResult {
  const summary = (name: string): Summary | null => {
    const mean = fields.figure(`mean_${name}_ms`);
    if (mean === null) return null;
    return { mean, p50: fields.number(`median_${name}_ms`), p99: fields.number(`p99_${name}_ms`) };
  };
  const latencies = { ttft: summary('ttft'), tpot: summary('tpot'), itl: summary('itl'), e2e: summary('e2el') };
  return { rates: readRates(fields, RATES.open), latencies };
}

function readRates(fields: JsonFields, keys: readonly string[]): ReadonlyMap<string, number | null> {
  return new Map(keys.map((key) => [key, fields.figure(key)]));
}

function readSummary(fields: JsonFields, key: string): Summary | null {
  if (fields.isNull(key)) return null;
  const summary = fields.object(key);
  return { mean: summary.number('mean'), p50: summary.number('p50'), p99: summary.number('p99') };
}
