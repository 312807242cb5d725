// The report of a mutation run: counts by shader and operator, and every survivor with its reason.

import type { MutantText } from '../../src/testing/index.ts';
import { explain } from './explanations.ts';
import type { Verdict } from './verdict.ts';

/** A mutant and its verdict. */
export interface Judged {
  readonly mutant: MutantText;
  readonly verdict: Verdict;
}

/** Killed / total by shader and by operator, then every survivor, then the sum; `missed` are the survivors that are not equivalent, of `killable` mutants. */
export function report(judged: readonly Judged[]): {
  lines: string[];
  missed: number;
  killable: number;
} {
  const compiled = judged.filter(({ verdict }) => verdict.state !== 'invalid');
  const survivors = compiled.filter(({ verdict }) => verdict.state === 'survived');
  const equivalents = survivors.filter(({ mutant }) => explain(mutant)?.isEquivalent);
  const killed = compiled.length - survivors.length;
  const killable = compiled.length - equivalents.length;
  const score = killable === 0 ? 1 : killed / killable;
  const lines = [
    ...tally('by shader', compiled, ({ file }) => file),
    ...tally('by operator', compiled, ({ operator }) => operator),
    ...survivors.flatMap(({ mutant }) => describe(mutant)),
    `${compiled.length} compiled, ${judged.length - compiled.length} did not`,
    `${killed} of ${killable} killed (${(100 * score).toFixed(1)} %), ${equivalents.length} more are equivalent`,
  ];
  return { lines, missed: killable - killed, killable };
}

function tally(title: string, judged: readonly Judged[], nameOf: (mutant: MutantText) => string): string[] {
  const groups = Object.entries(Object.groupBy(judged, ({ mutant }) => nameOf(mutant)));
  const rows = groups
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, group = []]) => {
      const killed = group.filter(({ verdict }) => verdict.state === 'killed').length;
      return `  ${name.padEnd(30)} ${String(killed).padStart(4)} / ${group.length}`;
    });
  return [`killed / compiled ${title}`, ...rows];
}

function describe(mutant: MutantText): string[] {
  const { isEquivalent, reason } = explain(mutant) ?? { isEquivalent: false, reason: 'not explained' };
  return [
    `survived: shaders/${mutant.file}.wgsl:${mutant.line}, ${mutant.operator}`,
    `  - ${mutant.before}`,
    `  + ${mutant.after}`,
    `  ${isEquivalent ? 'equivalent' : 'MISSED'}: ${reason}`,
  ];
}
