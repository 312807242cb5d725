// Page of --report of bench/simulate.ts: measured beside simulated.
import { count } from '../../src/util/count.ts';
import { formatFigure, formatPercent, mapFigure, ratio } from '../../src/util/figures.ts';
import { present } from '../../src/util/statistics.ts';
import { distributionChart } from '../charts/distribution-chart.ts';
import { COLORS } from '../charts/palette.ts';
import type { ReportPage, Table } from '../charts/report-page.ts';
import { type LatencyName, latencyNames, type OpenLoopReport } from '../open-loop/report.ts';
import type { SimulateArgs } from './args.ts';
import type { CostModel, MeasuredStep } from './cost-model.ts';
import { errorChart } from './error-chart.ts';
import { stepChart } from './step-chart.ts';

/** Runs of a page. */
export interface SimulationPage {
  readonly args: SimulateArgs;
  readonly simulated: OpenLoopReport;
  /** Run of `--compare`; null without. */
  readonly measured: OpenLoopReport | null;
  /** Steps of the runs of `--calibrate`. */
  readonly steps: readonly MeasuredStep[];
  readonly costs: CostModel;
}

const TITLES: Readonly<Record<LatencyName, string>> = {
  ttft: 'Time to the first token (TTFT)',
  tpot: 'Time per token after the first (TPOT)',
  itl: 'Gap between two tokens (ITL)',
  e2el: 'Time to the end (E2EL)',
};

const SERIES = ['measured', 'simulated'] as const;

/** Makes the page. */
export function simulationPage({ args, simulated, measured, steps, costs }: SimulationPage): ReportPage {
  const panels = latencyNames.map((name) => ({
    title: TITLES[name],
    samples: new Map([
      ...(measured === null ? [] : [[SERIES[0], samplesOf(measured, name)] as const]),
      [SERIES[1], samplesOf(simulated, name)] as const,
    ]),
  }));
  const colors = new Map<string, string>([
    ...(measured === null ? [] : [[SERIES[0], COLORS.slate] as const]),
    [SERIES[1], COLORS.blue] as const,
  ]);
  const distributions = distributionChart({
    name: 'latencies',
    title: measured === null ? 'Simulated latencies' : 'Latencies, measured and simulated',
    caption:
      'To the right: milliseconds; upwards: the share of them, the requests or the gaps between tokens, that took no longer. ' +
      `${measured === null ? 'Blue: simulated. ' : 'Grey: measured. Blue: simulated. Where both curves lie on each other, the simulation is right. '}Of more than 200 the slowest hundredth is left out.`,
    panels: panels.filter(({ samples }) => [...samples.values()].some(({ length }) => length > 0)),
    colors,
  });
  const [errors, stepTimes] = [errorChart(panels, SERIES), stepChart(steps, costs)];
  const subject = measured === null ? 'A simulated load' : 'A simulated run beside the measured one';
  return {
    title: subject,
    lead: [
      `${count(simulated.requests.length, 'request')} in virtual time: the engine's own scheduler and memory, with steps that take as long as those that were recorded in ${(args.calibrate ?? []).join(', ')}.`,
      ...(measured === null ? [] : [verdictOf(measured, simulated)]),
    ],
    sections: [
      {
        heading: 'Latencies',
        charts: [distributions, ...present([errors])],
        tables: [latencyTable(measured, simulated)],
      },
      {
        heading: 'Times of steps',
        paragraphs: [`A step takes ${costs.describe()}.`],
        charts: present([stepTimes]),
      },
      { heading: 'Flags', tables: [{ rows: Object.entries(args).flatMap(toRow) }] },
    ],
  };
}

function samplesOf({ requests }: OpenLoopReport, name: LatencyName): number[] {
  const completed = requests.filter(({ status }) => status === 'completed');
  if (name === 'itl') return completed.flatMap(({ itls }) => itls);
  return present(completed.map((request) => request[name === 'e2el' ? 'e2e' : name]));
}

/** Says in a sentence how far medians are off. */
function verdictOf(measured: OpenLoopReport, simulated: OpenLoopReport): string {
  const errors = latencyNames.map((name) => {
    const error = mapFigure(
      ratio(simulated.latencies[name]?.median ?? null, measured.latencies[name]?.median ?? null),
      (times) => times - 1,
    );
    return `${name.toUpperCase()} ${signed(error)}`;
  });
  return `The simulated medians are off by: ${errors.join(', ')}.`;
}

function signed(error: number | null): string {
  return error !== null && error >= 0 ? `+${formatPercent(error)}` : formatPercent(error);
}

function latencyTable(measured: OpenLoopReport | null, simulated: OpenLoopReport): Table {
  const rows = latencyNames.flatMap((name) =>
    (['mean', 'median', 'p99'] as const).map((statistic) => {
      const [want = null, got = null] = [measured, simulated].map((report) => report?.latencies[name]?.[statistic]);
      const error = mapFigure(ratio(got, want), (times) => times - 1);
      const label = `${name.toUpperCase()} ${statistic} (ms)`;
      const simulatedCell = formatFigure(got, 2);
      return measured === null ? [label, simulatedCell] : [label, formatFigure(want, 2), simulatedCell, signed(error)];
    }),
  );
  return { columns: measured === null ? ['', 'simulated'] : ['', 'measured', 'simulated', 'error'], rows };
}

function toRow([flag, value]: [string, unknown]): string[][] {
  if (value === undefined) return [];
  return [[`--${flag}`, typeof value === 'string' ? value : JSON.stringify(value)]];
}
