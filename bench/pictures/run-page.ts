// The page of --report of bench/run.ts: the runs of one or more schedulers in pictures and numbers, for a reader who has not
// seen the code.
import type { ModelLimits } from '../../src/core/runner.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import type { Chart } from '../charts/chart.ts';
import type { ReportPage, Section } from '../charts/report-page.ts';
import { judgeRuns } from '../closed-loop/verdict.ts';
import { type OpenLoopReport, reportOpenLoop } from '../open-loop/report.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { environmentSection, type PageMeta } from './environment.ts';
import { kvChart } from './kv-chart.ts';
import { latencyCharts } from './latency-charts.ts';
import { responsesOf } from './pictured-run.ts';
import { placesChart } from './places-chart.ts';
import { requestTable } from './request-table.ts';
import { resultTable } from './result-table.ts';
import { stepTimeChart, stepTimes } from './step-time-chart.ts';
import { leadOf, reasonsOf } from './story.ts';
import { throughputChart } from './throughput-chart.ts';
import { timelineChart } from './timeline-chart.ts';

/** Runs of a page and their surroundings. */
export interface RunPage {
  /** One for each scheduler, with their steps and timelines. */
  readonly runs: readonly OpenLoopRun[];
  readonly limits: ModelLimits;
  /** `meta` of the JSON report. */
  readonly meta: PageMeta;
  /** Remarks about how it was measured. */
  readonly remarks: readonly string[];
}

/** Makes the page. */
export function runPage({ runs, limits, meta, remarks }: RunPage): ReportPage {
  const reports = new Map(runs.map((run) => [run.mode, reportOpenLoop(run, undefined)]));
  const verdict = judgeRuns(
    runs.map(({ mode, outcomes }) => ({ mode, responses: outcomes.map(({ response }) => response) })),
  );
  const times = stepTimes(runs);
  const story = { runs, reports, numPlaces: limits.maxBatchSize, verdict, times };
  return {
    title: `roseinfer benchmark: ${meta.model}`,
    lead: [...leadOf(story), ...remarks],
    sections: [
      { heading: 'Speed', charts: [throughputChart(reports)] },
      {
        heading: 'Where the time goes',
        paragraphs: reasonsOf(story),
        charts: [timelineChart(runs), ...stepCharts(story)],
      },
      ...latencySection(reports),
      ...kvSection(runs, limits),
      { heading: 'Numbers', tables: [resultTable(runs, reports, limits), requestTable(runs)] },
      environmentSection(meta),
    ],
  };
}

function stepCharts({ runs, numPlaces, times }: Parameters<typeof reasonsOf>[0]): Chart[] {
  const curve = stepTimeChart(times);
  return [placesChart(runs, numPlaces), ...(curve === null ? [] : [curve])];
}

function latencySection(reports: ReadonlyMap<SchedulerName, OpenLoopReport>): Section[] {
  const charts = latencyCharts(reports);
  return charts.length === 0 ? [] : [{ heading: 'Latency', charts }];
}

function kvSection(runs: readonly OpenLoopRun[], limits: ModelLimits): Section[] {
  const hasSteps = runs.some(({ steps }) => steps.length > 0) && runs.some((run) => responsesOf(run).length > 0);
  return hasSteps ? [{ heading: 'Memory', charts: [kvChart(runs, limits)] }] : [];
}
