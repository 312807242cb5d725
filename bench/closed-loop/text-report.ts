// Text report of bench/run.ts: a section per mode, then the modes side by side.
import { formatFigure, NO_FIGURE, ratio } from '../../src/util/figures.ts';
import type { Summary } from '../common/statistics.ts';
import { formatRow } from '../report/table.ts';
import type { ModeReport } from './mode-report.ts';
import type { Verdict } from './verdict.ts';

/** Formats the section of a mode. */
export function formatMode(mode: string, report: ModeReport): string {
  return [
    `=== ${mode} ===`,
    `Requests: ${report.requests}`,
    ...(report.failed === 0 ? [] : [`Failed: ${report.failed} (in no figure below)`]),
    `Elapsed: ${report.elapsed_s.toFixed(6)} seconds`,
    `Prompt tokens: ${report.prompt_tokens}`,
    `Completion tokens: ${report.completion_tokens}`,
    `Total tokens: ${report.prompt_tokens + report.completion_tokens}`,
    `Throughput (completion): ${formatFigure(report.throughput_completion, 2, ' tokens/s')}`,
    `Throughput (total): ${formatFigure(report.throughput_total, 2, ' tokens/s')}`,
    formatSummary('TTFT', report.ttft_ms),
    formatSummary('TPOT', report.tpot_ms),
    formatSummary('ITL', report.itl_ms),
    formatSummary('E2E', report.e2e_ms),
  ].join('\n');
}

function formatSummary(name: string, summary: Summary | null): string {
  if (summary === null) return `${name}: ${NO_FIGURE}`;
  const { mean, p50, p99 } = summary;
  return `${name}: mean ${mean.toFixed(2)} ms, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
}

const WIDTHS = [7, -17, -8] as const;

/** Formats the modes side by side, and the number of requests with the same ids in all of them. */
export function formatComparison(reports: ReadonlyMap<string, ModeReport>, verdict: Verdict): string {
  const naive = reports.get('naive')?.throughput_completion ?? null;
  const rows = [...reports].map(([mode, { throughput_completion: speed }]) =>
    formatRow([mode, formatFigure(speed, 2), formatFigure(ratio(speed, naive), 2)], WIDTHS),
  );
  return [formatRow(['mode', 'completion tok/s', '× naive'], WIDTHS), ...rows, formatEqual(verdict)].join('\n');
}

/** Formats the number of requests with the same ids in all modes. */
export function formatEqual({ numEqual, numCompared }: Verdict): string {
  return `ids equal in all modes: ${numCompared === 0 ? NO_FIGURE : `${numEqual}/${numCompared}`}`;
}
