// Report of the price of a fixed order: a line of the table as soon as a contest is timed, sums over decode steps at the end, and
// the same numbers for the JSON file.
import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { type Figure, formatFigure, mapFigure, NO_FIGURE, ratio } from '../../src/util/figures.ts';
import { sum } from '../../src/util/statistics.ts';
import type { KernelArgs } from '../kernels/args.ts';
import { type ReportOrigin, reportMeta } from '../report/meta.ts';
import { formatRow } from '../report/table.ts';
import type { DecodeWork } from './decode-work.ts';
import type { Comparison, ContestTimes } from './time-contest.ts';

/** Result of a contest. */
export interface PriceRow extends ContestTimes {
  readonly kernel: string;
  /** Place of the kernel in the model, and its sizes. */
  readonly case: string;
  /** Sequences of the decode step. */
  readonly M: number;
  /** Kernel and variant that the model takes. */
  readonly ours: string;
  /** Names of the controls that were tried. */
  readonly controls: readonly string[];
  /** Runs in a decode step, by context. */
  readonly perStep: Readonly<Record<number, number>>;
  /** 1e9 bytes a second of ours in a row. */
  readonly gigabytes: Figure;
  /** 1e9 floating-point operations a second of ours in a row. */
  readonly gflops: Figure;
}

/** Sum over the kernels of a decode step, each as often as it runs: those that have a control. */
export interface PriceSum {
  readonly M: number;
  readonly context: number;
  readonly throughput: StepPrice;
  readonly latency: StepPrice;
}

/** Milliseconds of a step, and by how much ours takes longer as a share of the controls'. */
type StepPrice = Omit<Comparison, 'best' | 'interval'>;

/** Makes the result of a contest. */
export function priceRow(
  { kernel, name, M, perStep }: DecodeWork,
  { ours, controls, cost }: { readonly ours: string; readonly controls: readonly string[]; readonly cost: Cost },
  times: ContestTimes,
): PriceRow {
  const speed = (work: number) => ratio(1e-6 * work, times.throughput.ours);
  return {
    kernel,
    case: name,
    M,
    ours,
    controls,
    perStep: Object.fromEntries(perStep),
    ...times,
    gigabytes: speed(cost.bytes),
    gflops: speed(cost.flops),
  };
}

/** Sums the decode steps all of whose work has a result. */
export function priceSums(works: readonly DecodeWork[], rows: readonly PriceRow[]): readonly PriceSum[] {
  const sums: PriceSum[] = [];
  for (const M of new Set(works.map((work) => work.M))) {
    const ofBatch = works.filter((work) => work.M === M);
    for (const context of new Set(ofBatch.flatMap(({ perStep }) => [...perStep.keys()]))) {
      const isOfStep = (row: PriceRow) => row.M === M && context in row.perStep;
      const ofStep = rows.filter(isOfStep);
      if (ofStep.length < ofBatch.filter(({ perStep }) => perStep.has(context)).length) continue;
      const total = (way: keyof ContestTimes): StepPrice => {
        const compared = ofStep.filter((row) => row[way].control !== null);
        const of = (side: 'ours' | 'control') =>
          compared.length === 0 ? null : sum(compared.map((row) => (row[way][side] ?? 0) * row.perStep[context]!));
        const [ours, control] = [of('ours'), of('control')];
        return { ours, control, price: mapFigure(ratio(ours, control), (times) => times - 1) };
      };
      sums.push({ M, context, throughput: total('throughput'), latency: total('latency') });
    }
  }
  return sums;
}

/** Widths of the columns; negative ones are right-aligned. */
const WIDTHS = [9, 26, -3, -10, -10, -9, -8, -9, -10, -10, -9, 0] as const;

/** Head of the table. */
export const PRICE_HEAD = [
  formatRow(['', '', '', 'in a row:', '', '', '', '', 'alone:', '', '', 'best controls,'], WIDTHS),
  formatRow(
    ['kernel', 'case', 'M', 'µs', 'control', 'price', 'GB/s', 'GFLOP/s', 'µs', 'control', 'price', 'in a row · alone'],
    WIDTHS,
  ),
].join('\n');

/** Formats a line of the table. */
export function formatPriceRow({ kernel, case: name, M, throughput, latency, gigabytes, gflops }: PriceRow): string {
  const speeds = [gigabytes, gflops].map((speed) => formatFigure(speed, 2));
  const [best, alone] = [throughput.best ?? NO_FIGURE, latency.best ?? NO_FIGURE];
  const controls = best === alone ? best : `${best} · ${alone}`;
  return formatRow(
    [kernel, name, String(M), ...times(throughput, 1000), ...speeds, ...times(latency, 1000), controls],
    WIDTHS,
  );
}

/** Formats the sum of a decode step. */
export function formatPriceSum({ M, context, throughput, latency }: PriceSum): string {
  const [inRow, alone] = [throughput, latency].map((comparison) => {
    const [ours, control, price] = times(comparison, 1);
    return `${ours} ms against ${control} ms, price ${price}`;
  });
  return `decode step, M=${M}, context ${context}: in a row ${inRow}; alone ${alone}`;
}

/** Lines that say what the numbers are, before the table. */
export function priceNotes(isSoftware: boolean, skipped: readonly string[]): readonly string[] {
  return [
    "ours: the variant that the model takes, without epilogue; control: the best of several sizes, in no fixed order of sums; price: ours / control - 1, by the GPU's clock",
    ...(isSoftware
      ? [
          'this adapter is software: its lanes share the cores of the processor, and the controls are written for GPUs: these prices are of a processor and tell nothing about a GPU',
        ]
      : []),
    ...(skipped.length > 0 ? [`skipped, for this adapter has no subgroups: ${skipped.join(', ')}`] : []),
  ];
}

/** Origin of the numbers. */
interface PriceOrigin extends ReportOrigin<KernelArgs> {
  /** Storage of keys and values. */
  readonly kvDtype: string;
  readonly isPartial: boolean;
  /** Names of the controls that the adapter can't run. */
  readonly skipped: readonly string[];
}

/** Makes the JSON report. */
export function priceReportJson(
  rows: readonly PriceRow[],
  sums: readonly PriceSum[],
  { kvDtype, isPartial, skipped, ...origin }: PriceOrigin,
) {
  return {
    schema: 'roseinfer-invariance-1',
    partial: isPartial,
    meta: { ...reportMeta(origin), kv_dtype: kvDtype },
    skipped,
    kernels: rows,
    steps: sums,
  };
}

/** Formats both times, in milliseconds times `unit`, and the price. */
function times({ ours, control, price }: StepPrice, unit: number): readonly [string, string, string] {
  const time = (figure: Figure) =>
    formatFigure(
      mapFigure(figure, (ms) => unit * ms),
      unit === 1 ? 3 : 1,
    );
  const percent = formatFigure(
    mapFigure(price, (share) => 100 * share),
    1,
    ' %',
  );
  return [time(ours), time(control), price !== null && price >= 0 ? `+${percent}` : percent];
}
