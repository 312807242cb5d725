// Text of a prediction: simulated latencies beside measured ones.
import { formatFigure, formatPercent, mapFigure, ratio } from '../../src/util/figures.ts';
import type { OpenLoopReport } from '../open-loop/report.ts';
import { formatRow } from '../report/table.ts';

const WIDTHS = [18, -10, -10, -10] as const;

/** Formats measured latencies, simulated ones, and the error of these. */
export function formatPrediction(measured: OpenLoopReport, simulated: OpenLoopReport): string {
  const rows = (['ttft', 'tpot'] as const).flatMap((name) =>
    (['median', 'p99'] as const).map((statistic) => {
      const [want = null, got = null] = [measured, simulated].map(({ latencies }) => latencies[name]?.[statistic]);
      const label = `${statistic === 'median' ? 'Median' : 'P99'} ${name.toUpperCase()} (ms)`;
      const error = mapFigure(ratio(got, want), (factor) => factor - 1);
      const sign = error !== null && error >= 0 ? '+' : '';
      return formatRow([label, formatFigure(want, 2), formatFigure(got, 2), sign + formatPercent(error)], WIDTHS);
    }),
  );
  return [formatRow(['', 'measured', 'simulated', 'error'], WIDTHS), ...rows].join('\n');
}
