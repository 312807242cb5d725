import type { ServingReport } from '../open-loop/serving-report.ts';

/** Measured latencies, simulated ones, and how far these are off. */
export function formatPrediction(measured: ServingReport, simulated: ServingReport): string {
  const rows = (['ttft', 'tpot'] as const).flatMap((name) =>
    (['median', 'p99'] as const).map((statistic) => {
      const [want, got] = [measured, simulated].map(({ latencies }) => latencies[name]?.[statistic]);
      const label = `${statistic === 'median' ? 'Median' : 'P99'} ${name.toUpperCase()} (ms)`;
      if (want === undefined || got === undefined) return formatRow(label, 'n/a', 'n/a', 'n/a');
      const error = `${got < want ? '' : '+'}${((got / want - 1) * 100).toFixed(1)} %`;
      return formatRow(label, want.toFixed(2), got.toFixed(2), error);
    }),
  );
  return [formatRow('', 'measured', 'simulated', 'error'), ...rows].join('\n');
}

function formatRow(label: string, ...cells: readonly string[]): string {
  return label.padEnd(18) + cells.map((cell) => cell.padStart(11)).join('');
}
