import { type Figure, formatFigure, formatPercent } from '../common/figures.ts';
import { type ReportOrigin, reportMeta } from '../report/meta.ts';
import { formatRow } from '../report/table.ts';
import type { KernelArgs } from './args.ts';
import type { Roofline } from './roofline.ts';

/** How fast a variant of a kernel is. */
export interface KernelResult {
  readonly kernel: string;
  /** Which of the kernel's uses in the model. */
  readonly case: string;
  readonly M: number;
  /** Kernel and variant. */
  readonly variant: string;
  readonly isBase: boolean;
  /** A model takes it on this adapter. */
  readonly usedByModel: boolean;
  /** Of one dispatch. */
  readonly ms: { readonly median: number; readonly p10: number; readonly p90: number };
  /** 1e9 floating-point operations a second. */
  readonly gflops: Figure;
  /** 1e9 bytes a second. */
  readonly gigabytes: Figure;
  /** Of what the adapter could do at best: 1 is all of it, more where operands stay in a cache. */
  readonly roofline: Figure;
  /** What that was, as far as it had been seen by then. */
  readonly best: Roofline;
}

/** Widths of the columns; negative ones are right-aligned. */
const WIDTHS = [16, 22, -4, -10, -9, -8, -9, 0] as const;

export const TABLE_HEAD = formatRow(['kernel', 'case', 'M', 'ms', 'GFLOP/s', 'GB/s', 'roofline', 'variant'], WIDTHS);

/** A line of the table; a star marks what the model takes on this adapter. */
export function formatResult(result: KernelResult): string {
  const { kernel, case: name, M, variant, usedByModel, ms, gflops, gigabytes, roofline } = result;
  const speeds = [gflops, gigabytes].map((speed) => formatFigure(speed, 2));
  const numbers = [ms.median.toFixed(4), ...speeds, formatPercent(roofline)];
  const star = usedByModel ? '* ' : '  ';
  return formatRow([kernel, name, String(M), ...numbers, star + variant.slice(kernel.length)], WIDTHS);
}

/** Origin of the numbers, and whether they are all. */
interface KernelReportOrigin extends ReportOrigin<KernelArgs> {
  /** Storage of keys and values. */
  readonly kvDtype: string;
  /** Not every candidate has been timed. */
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
