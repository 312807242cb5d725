// Page of --report of bench/kernels.ts: the roofline, then every variant in numbers.
import { count } from '../../src/util/count.ts';
import { type Figure, formatFigure, formatPercent } from '../../src/util/figures.ts';
import type { ReportPage, Table } from '../charts/report-page.ts';
import type { KernelResult, kernelReportJson } from './report.ts';
import { pointsOf, rooflineCharts } from './roofline-chart.ts';
import { shareChart } from './share-chart.ts';

/** Makes the page of a JSON report. */
export function kernelPage({ meta, partial, roofline, kernels }: ReturnType<typeof kernelReportJson>): ReportPage {
  const share = shareChart(kernels);
  const numWithout = kernels.length - pointsOf(kernels).length;
  const { model, dtype, kv_dtype: kvDtype, adapter } = meta;
  const figures = [
    `reads ${formatFigure(roofline.gigabytes, 1)} GB/s from memory`,
    `loads ${formatFigure(roofline.gigawords, 1)} Gwords/s from its nearest cache`,
    `does ${formatFigure(roofline.gflops, 1)} GFLOP/s in multiply-adds`,
    `takes ${formatFigure(roofline.launch === null ? null : 1000 * roofline.launch, 1)} µs for the smallest dispatch`,
  ];
  return {
    title: `Kernels of ${model} beside the adapter's best`,
    lead: [
      `${count(kernels.length, 'variant')} of ${count(new Set(kernels.map(({ kernel }) => kernel)).size, 'kernel')} at the shapes of ${model} (${dtype}, keys and values in ${kvDtype}), timed on ${adapter}.`,
      `At best this adapter ${figures.join(', ')}.`,
      ...(partial ? ['The run was ended before all variants were timed.'] : []),
    ],
    sections: [
      {
        heading: 'Roofline',
        paragraphs:
          numWithout === 0
            ? []
            : [
                `Without a place here, since they compute nothing or their cost is not known: ${numWithout} of ${kernels.length} variants.`,
              ],
        charts: rooflineCharts(kernels, roofline),
      },
      { heading: 'Share of the best', charts: share === null ? [] : [share] },
      {
        heading: 'Every variant',
        tables: [
          tableOf(
            kernels.filter(({ usedByModel }) => usedByModel),
            'Those that the model takes',
          ),
          tableOf(kernels, `All ${kernels.length}`),
        ],
      },
      { heading: 'Environment', tables: [{ rows: rowsOf(meta) }] },
    ],
  };
}

function tableOf(results: readonly KernelResult[], folded: string): Table {
  const number = (figure: Figure) => formatFigure(figure, 2);
  return {
    folded,
    columns: ['kernel', 'case', 'M', 'variant', 'ms', 'GFLOP/s', 'GB/s', 'roofline'],
    rows: results.map(({ kernel, case: name, M, variant, ms, gflops, gigabytes, roofline }) => [
      kernel,
      name,
      String(M),
      variant.slice(kernel.length),
      ms.median.toFixed(4),
      number(gflops),
      number(gigabytes),
      formatPercent(roofline),
    ]),
  };
}

function rowsOf({ args, ...meta }: object & { readonly args: object }): string[][] {
  const show = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const flags = Object.entries(args).map(([flag, value]) => [`--${flag}`, show(value)]);
  return [...Object.entries(meta).map(([name, value]) => [name, show(value)]), ...flags];
}
