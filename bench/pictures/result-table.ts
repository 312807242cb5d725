// The numbers of all schedulers beside each other.
import type { ModelLimits } from '../../src/core/runner.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { type Figure, formatFigure, ratio } from '../../src/util/figures.ts';
import { sum } from '../../src/util/statistics.ts';
import type { Table } from '../charts/report-page.ts';
import type { LatencyName, OpenLoopReport } from '../open-loop/report.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { peakBlocks } from './kv-chart.ts';
import { responsesOf } from './pictured-run.ts';
import { placeShares } from './place-time.ts';
import { formatShare } from './words.ts';

const LATENCIES: readonly { readonly name: LatencyName; readonly label: string }[] = [
  { name: 'ttft', label: 'TTFT, time to the first token' },
  { name: 'itl', label: 'ITL, time between two tokens' },
  { name: 'tpot', label: 'TPOT, time per token after the first' },
  { name: 'e2el', label: 'E2E, time to the end' },
];

/** Makes the table: a row for each number, a column for each scheduler. */
export function resultTable(
  runs: readonly OpenLoopRun[],
  reports: ReadonlyMap<SchedulerName, OpenLoopReport>,
  { maxBatchSize, numBlocks }: ModelLimits,
): Table {
  const naive = reports.get('naive')?.outputThroughput ?? null;
  const ofReports = (label: string, pick: (report: OpenLoopReport) => string) => [
    label,
    ...[...reports.values()].map(pick),
  ];
  const ofRuns = (label: string, pick: (run: OpenLoopRun) => string) => [label, ...runs.map(pick)];
  const total = (pick: (response: ReturnType<typeof responsesOf>[number]) => number) => (run: OpenLoopRun) =>
    String(sum(responsesOf(run).map(pick)));
  return {
    columns: ['', ...runs.map(({ mode }) => mode)],
    rows: [
      ofReports('Requests completed', ({ completed }) => String(completed)),
      ...optionalRow(ofReports('Requests that failed', ({ failed }) => String(failed))),
      ...optionalRow(ofReports('Requests rejected', ({ rejected }) => String(rejected))),
      ofReports('Time', ({ duration }) => formatFigure(duration, 3, ' s')),
      ofReports('Prompt tokens', ({ inputTokens }) => String(inputTokens)),
      ofReports('Generated tokens', ({ outputTokens }) => String(outputTokens)),
      ofReports('Generated tokens/s', ({ outputThroughput }) => formatFigure(outputThroughput, 2)),
      ofReports('Prompt and generated tokens/s', ({ totalThroughput }) => formatFigure(totalThroughput, 2)),
      ...(naive === null || runs.length < 2
        ? []
        : [
            ofReports('Generated tokens/s, × naive', ({ outputThroughput }) =>
              formatFigure(ratio(outputThroughput, naive), 2),
            ),
          ]),
      ...LATENCIES.flatMap(({ name, label }) =>
        (['mean', 'median', 'p99'] as const).map((statistic) =>
          ofReports(`${label}: ${statistic}`, ({ latencies }) => formatMs(latencies[name]?.[statistic] ?? null)),
        ),
      ),
      ofRuns('Steps', ({ steps }) => String(steps.length)),
      ofRuns("Places' time used", (run) => formatShare(placeShares(run, maxBatchSize)?.used ?? null)),
      ofRuns("Places' time empty though a request waited", (run) =>
        formatShare(placeShares(run, maxBatchSize)?.missed ?? null),
      ),
      ofRuns(
        'Preemptions',
        total(({ preemptions }) => preemptions),
      ),
      ofRuns(`Most KV blocks in use, of ${numBlocks}`, (run) => String(peakBlocks(run))),
    ],
  };
}

function formatMs(ms: Figure): string {
  return formatFigure(ms, 2, ' ms');
}

/** Leaves out a row of zeros. */
function optionalRow(row: readonly string[]): (readonly string[])[] {
  return row.slice(1).every((cell) => cell === '0') ? [] : [row];
}
