// Share of the adapter's best that each variant reaches, kernel by kernel: also of kernels that compute nothing.
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS } from '../charts/palette.ts';
import type { KernelResult } from './report.ts';

/** Pixels of a kernel. */
const ROW = 24;
const CHOSEN = 'the model takes it';
const OTHER = 'other variant';

/** Makes the chart; null where no share is known. */
export function shareChart(results: readonly KernelResult[]): Chart | null {
  const values = results.flatMap(({ kernel, roofline, usedByModel }) =>
    roofline === null ? [] : [{ kernel, share: roofline, use: usedByModel ? CHOSEN : OTHER }],
  );
  if (values.length === 0) return null;
  return {
    name: 'share-of-best',
    title: "Share of the adapter's best that each variant reaches",
    caption:
      "A stroke is a variant of the kernel of its line, at one size. To the right: the share of the adapter's best. Orange: the model takes it. Grey: other variant. " +
      'At 100 % a variant takes no longer than its bytes, its loads or its operations alone would at the measured best. More is possible where operands stay in a cache; ' +
      'little is usual for small sizes, where starting takes longer than the work.',
    spec: {
      width: CHART_WIDTH - 120,
      height: { step: ROW },
      data: { values },
      mark: { type: 'tick', thickness: 2, aria: false },
      encoding: {
        y: { field: 'kernel', type: 'nominal', title: null, sort: null, axis: { labelLimit: 0 } },
        x: { field: 'share', type: 'quantitative', title: "share of the adapter's best", axis: { format: '.0%' } },
        color: {
          field: 'use',
          type: 'nominal',
          title: null,
          scale: { domain: [CHOSEN, OTHER], range: [COLORS.orange, COLORS.slate] },
        },
        order: { field: 'use', sort: 'descending' },
      },
    },
  };
}
