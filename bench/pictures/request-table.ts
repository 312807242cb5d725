// The requests of a run one by one, for a reader who looks for one of them.
import { formatFigure, ratio } from '../../src/util/figures.ts';
import { clip } from '../../src/util/quote.ts';
import type { Table } from '../charts/report-page.ts';
import { faultOf } from '../common/completion.ts';
import type { Outcome } from '../open-loop/admit.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';

/** Most rows; a page with all of a hundred thousand would open in no browser. */
const MAX_ROWS = 500;
/** Characters of a text. */
const MAX_TEXT = 90;

/** Makes the table; it has no column of prompts where none is a text. */
export function requestTable(runs: readonly OpenLoopRun[]): Table {
  const [first] = runs;
  const outcomes = first?.outcomes ?? [];
  const prompts = first?.requests.map(({ prompt }) => prompt) ?? [];
  const hasPrompts = prompts.some((prompt) => prompt !== undefined);
  const shown = outcomes.slice(0, MAX_ROWS);
  const rest =
    outcomes.length > shown.length ? `the first ${shown.length} of ${outcomes.length}` : String(outcomes.length);
  return {
    folded: `The requests one by one (${rest})`,
    columns: [
      'request',
      ...(hasPrompts ? ['prompt'] : []),
      'prompt tokens',
      'generated',
      ...runs.flatMap(({ mode }) => [`${mode}: first token`, `${mode}: end`]),
      'completion',
    ],
    rows: shown.map((outcome, index) => [
      String(index),
      ...(hasPrompts ? [clip(prompts[index] ?? '', MAX_TEXT)] : []),
      formatFigure(outcome.response?.promptTokens ?? null, 0),
      formatFigure(outcome.response?.ids.length ?? null, 0),
      ...runs.flatMap((run) => timesOf(run.outcomes[index])),
      textOf(outcome),
    ]),
  };
}

function timesOf(outcome: Outcome | undefined): string[] {
  if (!outcome?.response) return [formatFigure(null, 0), formatFigure(null, 0)];
  const { firstToken, arrival, e2e } = outcome.response.timings;
  const seconds = (ms: number | null) => formatFigure(ratio(ms === null ? null : ms - outcome.start, 1000), 3, ' s');
  return [seconds(firstToken), seconds(arrival + e2e)];
}

function textOf(outcome: Outcome): string {
  if (outcome.response === null) return `rejected: ${outcome.refusal}`;
  const fault = faultOf(outcome.response);
  return fault === null ? clip(outcome.response.text, MAX_TEXT) : `failed: ${fault}`;
}
