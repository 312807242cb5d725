// Comparison of two runs of bench/run.ts, one set of numbers for text, JSON and page.
import {
  checkAgreement,
  type Difference,
  differencesOf,
  environmentOf,
  formatDifference,
  sharedModes,
} from './agreement.ts';
import { compareModes, type ModeComparison } from './compare-modes.ts';
import type { RunResult } from './result.ts';

/** Comparison of two runs. */
export interface RunComparison {
  readonly first: RunResult;
  readonly second: RunResult;
  /** Settings that differ. */
  readonly differences: readonly Difference[];
  /** Lines on what makes the comparison doubtful. */
  readonly warnings: readonly string[];
  readonly modes: ReadonlyMap<string, ModeComparison>;
}

/** Compares two runs. @throws DisagreementError naming a field in which they have to agree and do not. */
export function compareRuns(first: RunResult, second: RunResult): RunComparison {
  checkAgreement(first, second);
  const shared = sharedModes(first, second);
  const modes = new Map(shared.map(([mode, one, other]) => [mode, compareModes(one, other)]));
  const single = [...new Set([...first.modes.keys(), ...second.modes.keys()])].filter((mode) => !modes.has(mode));
  const warnings = [
    ...environmentOf(first, second).map((difference) => `the environment differs: ${formatDifference(difference)}`),
    ...single.map((mode) => `${mode} is in one of the files alone, and is left out`),
    ...[...modes].flatMap(([mode, comparison]) => doubtsOf(mode, comparison)),
  ];
  return { first, second, differences: differencesOf(first, second), warnings, modes };
}

function doubtsOf(mode: string, { requests, paired, equal }: ModeComparison): string[] {
  const incomplete = requests - paired;
  const other = paired - equal;
  return [
    ...(incomplete > 0 ? [`${mode}: ${incomplete} of ${requests} requests are not complete in both`] : []),
    ...(other > 0
      ? [`${mode}: ${other} of ${paired} requests have other ids or lengths, so the work is not the same`]
      : []),
  ];
}

/** Makes the JSON of a comparison. */
export function comparisonJson({ first, second, differences, warnings, modes }: RunComparison) {
  return {
    schema: 'roseinfer-run-comparison-1',
    first: { path: first.path, meta: first.meta },
    second: { path: second.path, meta: second.meta },
    differences,
    warnings,
    modes: Object.fromEntries(modes),
  };
}
