import type { AdapterIdentity } from '../../src/gpu/adapter.ts';
import { environmentJson } from '../common/environment-json.ts';
import { type Figure, formatFigure, formatPercent } from '../common/figures.ts';
import type { KernelArgs } from './kernel-args.ts';
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

export const TABLE_HEAD = formatRow(['kernel', 'case', 'M', 'ms', 'GFLOP/s', 'GB/s', 'roofline', 'variant']);

/** A line of the table; a star marks what the model takes on this adapter. */
export function formatResult(result: KernelResult): string {
  const { kernel, case: name, M, variant, usedByModel, ms, gflops, gigabytes, roofline } = result;
  const speeds = [gflops, gigabytes].map((speed) => formatFigure(speed, 2));
  const numbers = [ms.median.toFixed(4), ...speeds, formatPercent(roofline)];
  return formatRow([
    kernel,
    name,
    String(M),
    ...numbers,
    `${usedByModel ? '* ' : '  '}${variant.slice(kernel.length)}`,
  ]);
}

function formatRow(cells: readonly string[]): string {
  const padded = cells.map((cell, i) => {
    const width = WIDTHS[i] ?? 0;
    return width < 0 ? cell.padStart(-width) : cell.padEnd(width);
  });
  return padded.join(' ').trimEnd();
}

/** Where the numbers come from. */
interface KernelReportMeta {
  readonly args: KernelArgs;
  readonly adapter: AdapterIdentity;
  readonly model: string;
  readonly dtype: string;
  readonly kvDtype: string;
  readonly commit: string | null;
  /** Not every candidate has been timed. */
  readonly isPartial: boolean;
}

/** All numbers of a kernel benchmark and what they depend on. */
export function kernelReportJson(roofline: Roofline, kernels: readonly KernelResult[], meta: KernelReportMeta) {
  const { args, adapter, model, dtype, kvDtype, commit, isPartial } = meta;
  return {
    schema: 'roseinfer-kernels-1',
    partial: isPartial,
    meta: {
      ...environmentJson(adapter),
      commit,
      args,
      model,
      dtype,
      kv_dtype: kvDtype,
    },
    roofline,
    kernels,
  };
}
