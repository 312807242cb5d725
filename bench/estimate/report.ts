// Reports of an estimate, in which every number is called one: a table of each step's dispatches, a line for each step, the rule
// and what it leaves out; the same as JSON; and the GPUs with the sources of their figures.
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { formatFigure, formatPercent } from '../../src/util/figures.ts';
import type { ReportOrigin } from '../report/meta.ts';
import { formatRow } from '../report/table.ts';
import { LAUNCH_GAP } from './dispatch-time.ts';
import { GPUS, type Gpu, latencyOf } from './gpus.ts';
import { MEMORY_FAMILY } from './memory-file.ts';
import type { EstimatedLaunch, EstimatedStep } from './steps.ts';

/** Widths of the columns; negative ones are right-aligned. */
const LAUNCH_WIDTHS = [16, 15, -4, -18, -6, -9, -9, -9, 0];
const LAUNCH_HEAD = ['kernel', 'use', '×', 'workgroups × lanes', 'waits', 'MB', 'MFLOP', 'µs', ' bound'];
const STEP_WIDTHS = [28, -10, -6, -8, -8, -8, -9, -15, -8];
const STEP_HEAD = ['step', 'dispatches', 'waits', 'MB', 'ms', 'of gaps', 'tokens/s', 'if waits hit L2', 'roofline'];
const GPU_WIDTHS = [14, -6, -6, -6, -6, -9, -10, -6];
const GPU_HEAD = ['name', 'GB/s', 'units', 'lanes', 'GHz', 'TFLOP/s', 'memory ns', 'L2 ns'];

/** Rule of the estimate, and what it does not know. */
const RULE = [
  'A dispatch is estimated as the longest of',
  '  bytes / the smaller of bandwidth and lanes at once × bytes that a lane has under way / latency of memory,',
  '  operations / (peak of f32 × the part of its lanes that is launched),',
  '  waits × latency of memory × rounds of the lanes that are held at once,',
  `and ${LAUNCH_GAP / 1000} µs until the next one starts, which are assumed and part of each time.`,
  'Roofline: the time of the bytes at the whole bandwidth, as a share of the estimated time.',
  `Waits and bytes under way are those of shaders compiled for ${MEMORY_FAMILY}, also where the GPU is another.`,
  'Left out: caches (but for the column of L2), barriers, registers that keep lanes out, clocks below boost, the host.',
];

/** Formats an estimate. @param subject the model and its storage. @param driver compiler of the shaders. */
export function formatEstimate(
  gpu: Gpu,
  { subject, driver }: { readonly subject: string; readonly driver: string },
  steps: readonly EstimatedStep[],
): string {
  const { title, gigabytes, units, lanes, gigahertz, teraflops } = gpu;
  return [
    `ESTIMATE, not a measurement: ${subject} on ${title}`,
    `${gigabytes} GB/s, ${units} units of ${lanes} lanes, ${gigahertz} GHz, ${teraflops} TFLOP/s, ` +
      `latency ${formatLatency(gpu, 'memory')} ns of memory and ${formatLatency(gpu, 'l2')} ns of L2; shaders: ${driver}`,
    ...steps.flatMap((step) => ['', `estimate of a step: ${nameOf(step.tokens)}`, ...formatLaunches(step)]),
    '',
    'estimates',
    formatRow(STEP_HEAD, STEP_WIDTHS),
    ...steps.map(formatStep),
    '',
    ...RULE,
  ].join('\n');
}

function formatLaunches({ launches }: EstimatedStep): string[] {
  return [formatRow(LAUNCH_HEAD, LAUNCH_WIDTHS), ...launches.map(formatLaunch)];
}

function formatLaunch({ kernel, use, count, workgroups, lanes, waits, cost, time }: EstimatedLaunch): string {
  const cells = [
    kernel,
    use ?? '',
    String(count),
    `${workgroups} × ${lanes}`,
    formatFigure(waits, 0),
    (cost.bytes / 1e6).toFixed(3),
    (cost.flops / 1e6).toFixed(2),
    (time.total / 1000).toFixed(2),
    ` ${time.bound}`,
  ];
  return formatRow(cells, LAUNCH_WIDTHS);
}

function formatStep({ tokens, ...step }: EstimatedStep): string {
  const { dispatches, waits, unknownWaits, bytes, time, speed, speedOfL2, roofline } = step;
  const cells = [
    nameOf(tokens),
    String(dispatches),
    String(waits),
    (bytes / 1e6).toFixed(1),
    (time / 1e6).toFixed(3),
    ((dispatches * LAUNCH_GAP) / 1e6).toFixed(3),
    formatFigure(speed, 0),
    formatFigure(speedOfL2, 0),
    formatPercent(roofline),
  ];
  const row = formatRow(cells, STEP_WIDTHS);
  return unknownWaits === 0 ? row : `${row}, without the waits of ${unknownWaits} dispatches, which are not known`;
}

function nameOf({ sequences, queries, context }: StepTokens): string {
  return queries === 1 ? `decode, batch ${sequences}, context ${context}` : `prefill of ${queries} tokens`;
}

const formatLatency = (gpu: Gpu, level: 'memory' | 'l2') => latencyOf(gpu, level).toFixed(0);

/** Formats the table of the GPUs, and under it the sources of each. */
export function formatGpus(): string {
  const all = Object.entries<Gpu>(GPUS);
  const rows = all.map(([name, gpu]) => [
    name,
    ...[gpu.gigabytes, gpu.units, gpu.lanes, gpu.gigahertz, gpu.teraflops].map(String),
    formatLatency(gpu, 'memory'),
    formatLatency(gpu, 'l2'),
  ]);
  const sources = all.flatMap(([name, { title, cycles, sources }]) => [
    '',
    `${name}: ${title}`,
    `  bandwidth, units, clock, peak: ${sources.product}`,
    `  lanes of a unit: ${sources.lanes}`,
    `  latency, ${cycles.memory} and ${cycles.l2} cycles: ${sources.latency}`,
  ]);
  return [...[GPU_HEAD, ...rows].map((cells) => formatRow(cells, GPU_WIDTHS)), ...sources].join('\n');
}

/** Origin of the numbers. */
interface EstimateOrigin<Args> extends Omit<ReportOrigin<Args>, 'adapter' | 'fallbacks'> {
  readonly kvDtype: string;
  /** Driver that compiled the shaders. */
  readonly driver: string;
}

/** Makes the JSON report of an estimate. It has no adapter, for none took part. */
export function estimateJson<Args extends object>(
  gpu: Gpu,
  steps: readonly EstimatedStep[],
  { commit, args, model, dtype, kvDtype, driver }: EstimateOrigin<Args>,
) {
  return {
    schema: 'roseinfer-estimate-1',
    meta: {
      date: new Date().toISOString(),
      node: process.versions.node,
      commit,
      args,
      model,
      dtype,
      kv_dtype: kvDtype,
      shaders: `${MEMORY_FAMILY}, ${driver}`,
    },
    rule: RULE,
    launch_gap_ns: LAUNCH_GAP,
    gpu,
    steps,
  };
}
