// Report of a profiled step: a table of its kernels, the longest first, and the same numbers for the JSON file.
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { workloadsOf } from '../../src/kernels/workloads.ts';
import { formatRoofline, type Roofline, shareOfRoofline } from '../../src/timing/roofline.ts';
import { count } from '../../src/util/count.ts';
import { type Figure, formatFigure, formatPercent, mapFigure, ratio } from '../../src/util/figures.ts';
import { formatRow } from '../report/table.ts';
import type { StepMeasurement } from './measure-step.ts';
import type { ProfiledStep } from './step-plans.ts';

/** Dispatches of one variant at one size. */
export interface ProfileRow {
  readonly kernel: string;
  /** Kernel and variant. */
  readonly variant: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly dispatches: number;
  /** Milliseconds of all of them. */
  readonly ms: number;
  /** Share of the sum of all kernels. */
  readonly share: Figure;
  /** Share of the adapter's best: 1 is all of it, more where operands stay in a cache. */
  readonly roofline: Figure;
}

/** Report of a step, under its names in the JSON file; times in milliseconds. */
export interface StepReport {
  readonly sequences: number;
  readonly tokens: number;
  readonly context: number;
  readonly wall_ms: Figure;
  readonly gpu_ms: Figure;
  /** Part of the wall time in which the GPU did nothing for the step. */
  readonly idle_ms: Figure;
  readonly encode_ms: Figure;
  readonly readback_ms: Figure;
  readonly kernel_ms: number;
  readonly kernels_per_wall: Figure;
  /** Best of the adapter in the same rounds. */
  readonly best: Roofline;
  readonly kernels: readonly ProfileRow[];
}

/** Method of measurement, as reports state it. */
export const METHOD =
  'medians over rounds that take turns; wall: a step in a row of steps without timestamps, each submitted before the one ' +
  'before it is read; host encode: the least of those steps, for the host may have to wait for the processor meanwhile; ' +
  'GPU: steps between two timestamps; idle: wall - GPU; readback: a submit that only copies a word, on an idle device; ' +
  'kernels: all dispatches of a kernel, variant and size of the step in one pass between two timestamps, the mean of the ' +
  'middle half of the runs; roofline: the longest that their bytes, loads or operations take at the best of the adapter, ' +
  'by probes in the same rounds, over that time';

/** Makes the report of a step. @param readback milliseconds. */
export function reportStep(
  step: StepTokens,
  { wall, gpu, encode, kernels, roofline }: StepMeasurement,
  readback: Figure,
): StepReport {
  const { sequences, queries, context } = step;
  const sum = kernels.reduce((total, { ms }) => total + ms, 0);
  return {
    sequences,
    tokens: sequences * queries,
    context,
    wall_ms: wall,
    gpu_ms: gpu,
    idle_ms: wall === null ? null : mapFigure(gpu, (busy) => Math.max(wall - busy, 0)),
    encode_ms: encode,
    readback_ms: readback,
    kernel_ms: sum,
    kernels_per_wall: ratio(sum, wall),
    best: roofline,
    kernels: kernels
      .map((measured): ProfileRow => {
        const { label, dims, cost, dispatches, ms } = measured;
        const kernel = label.split('[', 1)[0] ?? label;
        // A cost that depends on contexts stands with the kernel's workload.
        const known = workloadsOf(kernel).cost?.(dims, step) ?? cost;
        const share = known && shareOfRoofline(known, ms / dispatches, roofline);
        return { kernel, variant: label, sizes: dims, dispatches, ms, share: ratio(ms, sum), roofline: share };
      })
      .sort((a, b) => b.ms - a.ms),
  };
}

/** Widths of the columns; negative ones are right-aligned. */
const WIDTHS = [16, -10, -10, -8, -9, 0] as const;

/** Formats a step: the table of its kernels, and lines about the step as a whole. */
export function formatStep({ kind }: Pick<ProfiledStep, 'kind'>, report: StepReport): string {
  const { sequences, tokens, context, kernels } = report;
  const rows = kernels.map((row) =>
    formatRow(
      [
        row.kernel,
        String(row.dispatches),
        row.ms.toFixed(3),
        formatPercent(row.share),
        formatPercent(row.roofline),
        [row.variant.slice(row.kernel.length), ...sizesThatTell(row, kernels)].join(' '),
      ],
      WIDTHS,
    ),
  );
  const dispatches = kernels.reduce((sum, row) => sum + row.dispatches, 0);
  const { wall_ms, gpu_ms, idle_ms, encode_ms, readback_ms, kernel_ms, kernels_per_wall, best } = report;
  return [
    `=== ${kind} step: ${count(tokens, 'token')}, ${count(sequences, 'sequence')}, context ${context} ===`,
    formatRow(['kernel', 'dispatches', 'ms', 'share', 'roofline', 'variant and sizes'], WIDTHS),
    ...rows,
    formatRow(['sum', String(dispatches), kernel_ms.toFixed(3), '', '', ''], WIDTHS),
    `Wall: ${formatMs(wall_ms)} = GPU ${formatMs(gpu_ms)} + idle ${formatMs(idle_ms)}`,
    `Host encode: ${formatMs(encode_ms)}, readback: ${formatMs(readback_ms)}`,
    `Sum of kernel times / wall: ${formatFigure(kernels_per_wall, 3)}`,
    `Meanwhile ${formatRoofline(best)}`,
  ].join('\n');
}

function formatMs(figure: Figure): string {
  return formatFigure(figure, 3, ' ms');
}

/** Lists the sizes by which a row differs from others of its variant. */
function sizesThatTell({ variant, sizes }: ProfileRow, rows: readonly ProfileRow[]): string[] {
  const others = rows.filter((row) => row.variant === variant);
  return Object.entries(sizes).flatMap(([name, size]) =>
    name.length === 1 && others.some((row) => row.sizes[name] !== size) ? [`${name}=${size}`] : [],
  );
}
