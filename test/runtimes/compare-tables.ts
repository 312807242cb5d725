// Tables of two hosts of WebGPU, compared case by case: wrong kernels, and cases whose bits are others.
import { type AdapterReport, wrongKernels } from '../../bench/page/examine.ts';

/** Comparison of a host's tables with those of another. */
export interface TableComparison {
  readonly cases: number;
  readonly equal: number;
  /** Kernel, model and case. */
  readonly differing: readonly string[];
  /** Kernels that are beyond their bounds of float64. */
  readonly wrong: readonly string[];
}

/** Compares the bits of all cases. Each host has the same cases, in the same order. */
export function compareTables(report: AdapterReport, reference: AdapterReport): TableComparison {
  const [cases, others] = [casesOf(report), casesOf(reference)];
  if (cases.map(({ name }) => name).join() !== others.map(({ name }) => name).join()) {
    throw new Error(`the hosts have other cases: ${cases.length} and ${others.length}`);
  }
  const differing = cases.filter(({ bits }, i) => bits === null || bits !== others[i]?.bits).map(({ name }) => name);
  return { cases: cases.length, equal: cases.length - differing.length, differing, wrong: wrongKernels(report) };
}

function casesOf({ models }: AdapterReport) {
  return models.flatMap(({ name: model, kernels }) =>
    kernels.flatMap(({ kernel, cases }) =>
      cases.map(({ what, bits }) => ({ name: `${kernel} of ${model}: ${what}`, bits })),
    ),
  );
}
