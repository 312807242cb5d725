// Reports of the kernel benchmark: a line of the table as soon as a variant is timed, and the JSON file at the end.

import type { Roofline } from '../../src/timing/roofline.ts';
import { type Figure, formatFigure, formatPercent } from '../../src/util/figures.ts';
import { type ReportOrigin, reportMeta } from '../report/meta.ts';
import { formatRow } from '../report/table.ts';
import type { KernelArgs } from './args.ts';

/** Speed of a variant of a kernel at one size. */
export interface KernelResult {
  readonly kernel: string;
  /** Place of the kernel in the model, or its workload. */
  readonly case: string;
  /** Rows or tokens. */
  readonly M: number;
  /** Kernel and variant. */
  readonly variant: string;
  /** The variant needs no optional feature of WebGPU. */
  readonly isBase: boolean;
  /** The model takes it on this adapter; false for kernels that it does without. */
  readonly usedByModel: boolean;
  /** Milliseconds of one dispatch. */
  readonly ms: { readonly median: number; readonly p10: number; readonly p90: number };
  /** 1e9 floating-point operations a second. */
  readonly gflops: Figure;
  /** 1e9 bytes a second. */
  readonly gigabytes: Figure;
  /** Share of the adapter's best: 1 is all of it, more where operands stay in a cache. */
  readonly roofline: Figure;
  /** Roofline of that share: the best measured so far. */
  readonly best: Roofline;
}

/** Widths of the columns; negative ones are right-aligned. */
const WIDTHS = [16, 22, -4, -10, -9, -8, -9, 0] as const;

/** Head of the table. */
export const TABLE_HEAD = formatRow(['kernel', 'case', 'M', 'ms', 'GFLOP/s', 'GB/s', 'roofline', 'variant'], WIDTHS);

/** Formats a line of the table; a star marks the variant that the model takes on this adapter. */
export function formatResult(result: KernelResult): string {
  const { kernel, case: name, M, variant, usedByModel, ms, gflops, gigabytes, roofline } = result;
  const speeds = [gflops, gigabytes].map((speed) => formatFigure(speed, 2));
  const numbers = [ms.median.toFixed(4), ...speeds, formatPercent(roofline)];
  const star = usedByModel ? '* ' : '  ';
  return formatRow([kernel, name, String(M), ...numbers, star + variant.slice(kernel.length)], WIDTHS);
}

/** Origin of the numbers. */
interface KernelReportOrigin extends ReportOrigin<KernelArgs> {
  /** Storage of keys and values. */
  readonly kvDtype: string;
  /** The benchmark ended before it had timed every candidate. */
  readonly isPartial: boolean;
}

/** Makes the JSON report of a kernel benchmark. */
export function kernelReportJson(
  roofline: Roofline,
  kernels: readonly KernelResult[],
  { kvDtype, isPartial, ...origin }: KernelReportOrigin,
) {
  return {
    schema: 'roseinfer-kernels-1',
    partial: isPartial,
    meta: { ...reportMeta(origin), kv_dtype: kvDtype },
    roofline,
    kernels,
  };
}
