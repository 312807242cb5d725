import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { type Roofline, shareOfRoofline } from '../kernels/roofline.ts';
import type { MeasuredKernel, StepMeasurement } from './measure-step.ts';
import type { ProfiledStep } from './step-plans.ts';

/** The dispatches of one variant at one size. */
export interface ProfileRow {
  readonly kernel: string;
  /** Kernel and variant. */
  readonly variant: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly dispatches: number;
  /** Of all of them. */
  readonly ms: number;
  /** Of the sum of all kernels. */
  readonly share: number;
  /** Of what the adapter could do at best: 1 is all of it, more comes from caches. */
  readonly roofline: number;
}

/** Where the time of a step goes, under the names that it has in the JSON file; milliseconds. */
export interface StepReport {
  readonly sequences: number;
  readonly tokens: number;
  readonly context: number;
  readonly wall_ms: number;
  readonly gpu_ms: number;
  /** The part of the wall time in which the GPU did nothing for the step. */
  readonly idle_ms: number;
  readonly encode_ms: number;
  readonly readback_ms: number;
  readonly kernel_ms: number;
  readonly kernels_per_wall: number;
  readonly kernels: readonly ProfileRow[];
}

/** How the numbers came about. */
export const METHOD =
  'medians; wall (from one result to the next) and host encode: steps without timestamps, each submitted before the one ' +
  'before it is read; GPU: steps between two timestamps; idle: wall - GPU; readback: a submit that only copies a word, on ' +
  'an idle device; kernels: steps with a pass and two timestamps for each dispatch, which take longer; roofline: the better ' +
  'of probes before and behind the steps';

/** What a report needs besides the measurement. */
export interface ProfileContext {
  readonly roofline: Roofline;
  readonly readback: number;
  /** Cost of a dispatch that its own declaration can't know, because it depends on contexts; else null. */
  readonly costOf: (kernel: string, step: ProfiledStep) => Cost | null;
}

export function reportStep(step: ProfiledStep, measured: StepMeasurement, context: ProfileContext): StepReport {
  const { sequences, queries, context: tokensBefore } = step;
  const { wall, gpu, encode, kernels } = measured;
  const sum = kernels.reduce((total, { ms }) => total + ms, 0);
  return {
    sequences,
    tokens: sequences * queries,
    context: tokensBefore,
    wall_ms: wall,
    gpu_ms: gpu,
    idle_ms: Math.max(wall - gpu, 0),
    encode_ms: encode,
    readback_ms: context.readback,
    kernel_ms: sum,
    kernels_per_wall: sum / wall,
    kernels: [...groups(kernels).values()]
      .map((group): ProfileRow => {
        const [{ label, dims, cost }] = group;
        const kernel = label.split('[', 1)[0] ?? label;
        const ms = group.reduce((total, dispatch) => total + dispatch.ms, 0);
        const known = context.costOf(kernel, step) ?? cost;
        const roofline = shareOfRoofline(known, ms / group.length, context.roofline);
        return { kernel, variant: label, sizes: dims, dispatches: group.length, ms, share: ms / sum, roofline };
      })
      .sort((a, b) => b.ms - a.ms),
  };
}

type Group = [MeasuredKernel, ...MeasuredKernel[]];

/** By variant and sizes. */
function groups(kernels: readonly MeasuredKernel[]): Map<string, Group> {
  const found = new Map<string, Group>();
  for (const kernel of kernels) {
    const key = kernel.label + JSON.stringify(kernel.dims);
    const group = found.get(key);
    if (group) group.push(kernel);
    else found.set(key, [kernel]);
  }
  return found;
}

/** Widths of the columns; negative ones are right-aligned. */
const WIDTHS = [16, -10, -10, -8, -9, 0] as const;

/** The table of a step, and a line about the step as a whole. */
export function formatStep({ kind }: Pick<ProfiledStep, 'kind'>, report: StepReport): string {
  const { sequences, tokens, context, kernels } = report;
  const rows = kernels.map((row) =>
    formatRow([
      row.kernel,
      String(row.dispatches),
      row.ms.toFixed(3),
      percent(row.share),
      percent(row.roofline),
      [row.variant.slice(row.kernel.length), ...sizesThatTell(row, kernels)].join(' '),
    ]),
  );
  const dispatches = kernels.reduce((sum, row) => sum + row.dispatches, 0);
  const { wall_ms, gpu_ms, idle_ms, encode_ms, readback_ms, kernel_ms, kernels_per_wall } = report;
  return [
    `=== ${kind} step: ${tokens} tokens, ${sequences} ${sequences === 1 ? 'sequence' : 'sequences'}, context ${context} ===`,
    formatRow(['kernel', 'dispatches', 'ms', 'share', 'roofline', 'variant and sizes']),
    ...rows,
    formatRow(['sum', String(dispatches), kernel_ms.toFixed(3), '', '', '']),
    `Wall: ${wall_ms.toFixed(3)} ms = GPU ${gpu_ms.toFixed(3)} ms + idle ${idle_ms.toFixed(3)} ms`,
    `Host encode: ${encode_ms.toFixed(3)} ms, readback: ${readback_ms.toFixed(3)} ms`,
    `Sum of kernel times / wall: ${kernels_per_wall.toFixed(3)}`,
  ].join('\n');
}

/** The sizes by which a row differs from others of its variant. */
function sizesThatTell({ variant, sizes }: ProfileRow, rows: readonly ProfileRow[]): string[] {
  const others = rows.filter((row) => row.variant === variant);
  return Object.entries(sizes).flatMap(([name, size]) =>
    name.length === 1 && others.some((row) => row.sizes[name] !== size) ? [`${name}=${size}`] : [],
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function formatRow(cells: readonly string[]): string {
  const padded = cells.map((cell, i) => {
    const width = WIDTHS[i] ?? 0;
    return width < 0 ? cell.padStart(-width) : cell.padEnd(width);
  });
  return padded.join(' ').trimEnd();
}
