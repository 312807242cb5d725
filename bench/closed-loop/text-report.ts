import type { Summary } from '../statistics.ts';
import type { ModeReport } from './mode-report.ts';

/** The section of one mode. */
export function formatMode(mode: string, report: ModeReport): string {
  return [
    `=== ${mode} ===`,
    `Requests: ${report.requests}`,
    `Elapsed: ${report.elapsed_s.toFixed(6)} seconds`,
    `Prompt tokens: ${report.prompt_tokens}`,
    `Completion tokens: ${report.completion_tokens}`,
    `Total tokens: ${report.prompt_tokens + report.completion_tokens}`,
    `Throughput (completion): ${report.throughput_completion.toFixed(2)} tokens/s`,
    `Throughput (total): ${report.throughput_total.toFixed(2)} tokens/s`,
    formatSummary('TTFT', report.ttft_ms),
    formatSummary('TPOT', report.tpot_ms),
    formatSummary('ITL', report.itl_ms),
    formatSummary('E2E', report.e2e_ms),
  ].join('\n');
}

function formatSummary(name: string, summary: Summary | null): string {
  if (summary === null) return `${name}: n/a`;
  const { mean, p50, p99 } = summary;
  return `${name}: mean ${mean.toFixed(2)} ms, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
}

/** The modes side by side, and how many requests have the same ids in all of them. */
export function formatComparison(reports: ReadonlyMap<string, ModeReport>, numEqual: number): string {
  const naive = reports.get('naive')?.throughput_completion;
  const rows = [...reports].map(([mode, { throughput_completion: speed }]) =>
    formatRow(mode, speed.toFixed(2), naive ? (speed / naive).toFixed(2) : 'n/a'),
  );
  const numRequests = Math.max(...[...reports.values()].map((report) => report.requests));
  return [formatRow('mode', 'completion tok/s', '× naive'), ...rows, formatEqual(numEqual, numRequests)].join('\n');
}

/** How many requests have the same ids in all modes. */
export function formatEqual(numEqual: number, numRequests: number): string {
  return `ids equal in all modes: ${numEqual}/${numRequests}`;
}

function formatRow(mode: string, speed: string, ratio: string): string {
  return `${mode.padEnd(7)}  ${speed.padStart(16)}  ${ratio.padStart(7)}`;
}
