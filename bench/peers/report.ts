// Report of a comparison: tables of medians against roseinfer, and the limits of each figure.
import { type Figure, formatFigure, NO_FIGURE, ratio } from '../../src/util/figures.ts';
import { median, present, sum } from '../../src/util/statistics.ts';
import { type ReportOrigin, reportMeta } from '../report/meta.ts';
import { formatRow } from '../report/table.ts';
import type { PeerName, PeersArgs } from './args.ts';
import type { Comparison, EngineName } from './comparison.ts';
import { BATCH_SIZES, type DecodeResult } from './decode-job.ts';
import { LLAMA, ONNX } from './install.ts';
import type { MatmulResult } from './matmul-job.ts';

const TITLES: Readonly<Record<EngineName, string>> = {
  roseinfer: 'roseinfer',
  'llama-vulkan': 'llama.cpp, Vulkan',
  'llama-cpu': 'llama.cpp, CPU',
  'onnx-webgpu': 'ONNX Runtime, WebGPU',
  'onnx-cpu': 'ONNX Runtime, CPU',
};

const OF_LLAMA = `${LLAMA.name} ${LLAMA.version} on the same weights, its KV in f16: ids in, ids out, so no text, where roseinfer's time has detokenizing in it`;
const OF_ONNX = `${ONNX.name} ${ONNX.version}: a MatMul in f32 without the bias, activation and residual that roseinfer's has; no model`;

/** Limits of the figures of each peer, in words. */
export const LEFT_OUT: Readonly<Record<PeerName, string>> = {
  'llama-vulkan': `${OF_LLAMA}; samples on the CPU`,
  'llama-cpu': `${OF_LLAMA}; not on the adapter`,
  'onnx-webgpu': `${OF_ONNX}; it chooses its adapter itself`,
  'onnx-cpu': `${OF_ONNX}; not on the adapter`,
};

/** Results of a comparison. */
export type Findings = Pick<Comparison, 'decode' | 'matmul' | 'problems'>;

/** Formats tables of decode speeds and, if any, matmuls: medians of the rounds. */
export function formatTables({ decode, matmul }: Findings): string {
  return [
    DECODE_HEAD,
    ...[...decode].flatMap(([engine, results]) => formatDecode(engine, results, decode.get('roseinfer') ?? [])),
    ...(matmul.size > 0 ? ['', MATMUL_HEAD] : []),
    ...[...matmul].flatMap(([engine, results]) => formatMatmul(engine, results, matmul.get('roseinfer') ?? [])),
  ].join('\n');
}

/** Formats a line on the limits of the figures of each peer that ran. */
export function formatNotes({ problems }: Findings, peers: readonly PeerName[]): string[] {
  return peers.filter((peer) => !problems.has(peer)).map((peer) => `${TITLES[peer]}: ${LEFT_OUT[peer]}`);
}

/** Formats a line on why an engine, or some of its rows, is missing. */
export function formatProblem(engine: EngineName, problem: string): string {
  return `${TITLES[engine]}: not run to its end: ${problem}`;
}

const DECODE_WIDTHS = [22, -5, -9, -12, -11] as const;
const MATMUL_WIDTHS = [22, 16, -3, -11, -9, -12] as const;
/** Head of the table of decode speeds. */
export const DECODE_HEAD = formatRow(['decode', 'batch', 'tokens/s', 'roseinfer ×', 'equal ids'], DECODE_WIDTHS);
/** Head of the table of matmuls. */
export const MATMUL_HEAD = formatRow(['matmul', 'shape', 'M', 'K×N', 'ms', 'roseinfer ×'], MATMUL_WIDTHS);

/** Formats a row per batch size. */
export function formatDecode(
  engine: EngineName,
  results: readonly DecodeResult[],
  own: readonly DecodeResult[],
): string[] {
  return BATCH_SIZES.flatMap((batchSize) => {
    const theirs = results.filter((result) => result.batchSize === batchSize);
    const ours = own.filter((result) => result.batchSize === batchSize);
    const [their] = theirs;
    const [our] = ours;
    if (their === undefined) return [];
    const speed = decodeMedian(theirs);
    const factor = formatFigure(ratio(decodeMedian(ours), speed), 2);
    const equal = our === undefined ? NO_FIGURE : `${countEqualIds(our.ids, their.ids)}/${our.ids.flat().length}`;
    return formatRow([TITLES[engine], String(batchSize), formatFigure(speed, 2), factor, equal], DECODE_WIDTHS);
  });
}

/** Formats a row per shape and number of rows. */
export function formatMatmul(
  engine: EngineName,
  results: readonly MatmulResult[],
  own: readonly MatmulResult[],
): string[] {
  const isFirst = ({ name, M }: MatmulResult, i: number) =>
    results.findIndex((other) => other.name === name && other.M === M) === i;
  return results.filter(isFirst).map(({ name, M, K, N }) => {
    const ms = matmulMedian(results, name, M);
    const factor = formatFigure(ratio(ms, matmulMedian(own, name, M)), 2);
    return formatRow([TITLES[engine], name, String(M), `${K}×${N}`, formatFigure(ms, 3), factor], MATMUL_WIDTHS);
  });
}

function decodeMedian(results: readonly DecodeResult[]): Figure {
  return median(present(results.map(({ tokensPerSecond }) => tokensPerSecond)));
}

function matmulMedian(results: readonly MatmulResult[], name: string, M: number): Figure {
  return median(present(results.filter((one) => one.name === name && one.M === M).map(({ ms }) => ms)));
}

/** Counts the ids before the first different one of each sequence: after it the engines continue different texts. */
export function countEqualIds(ours: DecodeResult['ids'], theirs: DecodeResult['ids']): number {
  const counts = ours.map((ids, i) => {
    const place = ids.findIndex((id, k) => id !== theirs[i]?.[k]);
    return place < 0 ? ids.length : place;
  });
  return sum(counts);
}

/** Origin of the numbers. */
export interface PeersReportOrigin extends ReportOrigin<PeersArgs> {
  /** True when results are missing. */
  readonly isPartial: boolean;
}

/** Makes the JSON report of a comparison. */
export function peersReportJson({ decode, matmul, problems }: Findings, { isPartial, ...origin }: PeersReportOrigin) {
  return {
    schema: 'roseinfer-peers-1',
    partial: isPartial,
    meta: reportMeta(origin, { [LLAMA.name]: LLAMA.version, [ONNX.name]: ONNX.version }),
    decode: Object.fromEntries(
      [...decode].map(([engine, results]) => [
        engine,
        results.map(({ batchSize, tokensPerSecond, ids }) => ({
          batch_size: batchSize,
          decode_tokens_per_s: tokensPerSecond,
          ids,
        })),
      ]),
    ),
    matmul: Object.fromEntries(matmul),
    problems: Object.fromEntries(problems),
    left_out: LEFT_OUT,
  };
}
