// Mutants of a shader, one fault each, and the order in which a sample takes them: operators in turn, so that none is
// left out.
import { permutation } from '../../src/util/random-values.ts';
import { type Edit, OPERATORS } from './operators.ts';
import { WgslText } from './wgsl-text.ts';

/** A shader with one fault. */
export interface Mutant {
  /** File name in `shaders/` without extension. */
  readonly shader: string;
  /** Number of the first line that changes, from 1. */
  readonly line: number;
  readonly operator: string;
  /** That line without and with the fault. */
  readonly before: string;
  readonly after: string;
  /** The whole text with the fault. */
  readonly source: string;
}

/** Every mutant that the operators make of a shader. */
export function mutantsOf(shader: string, source: string): Mutant[] {
  const wgsl = new WgslText(source);
  return Object.entries(OPERATORS).flatMap(([operator, apply]) =>
    wgsl.tokens.flatMap(({ mutable }, i) =>
      mutable ? apply(wgsl, i).map((edits) => toMutant(wgsl, shader, operator, edits)) : [],
    ),
  );
}

function toMutant(wgsl: WgslText, shader: string, operator: string, edits: readonly Edit[]): Mutant {
  const { source } = wgsl;
  let changed = '';
  let from = 0;
  for (const { start, end, text } of edits) {
    changed += source.slice(from, start) + text;
    from = end;
  }
  changed += source.slice(from);
  const line = wgsl.lineOf(edits[0]?.start ?? 0);
  const lineIn = (text: string) => text.split('\n')[line - 1]?.trim() ?? '';
  return { shader, line, operator, before: lineIn(source), after: lineIn(changed), source: changed };
}

/**
 * The mutants in the order in which a run tries them: operators take turns, so that those with few sites have a share,
 * and each goes through its sites of all shaders in an order that the seed gives.
 */
export function inTurns(mutants: readonly Mutant[], seed: number): Mutant[] {
  const byOperator = Object.values(Object.groupBy(mutants, ({ operator }) => operator)).map((sites = [], i) =>
    permutation(seed * 1000 + i, sites.length).map((site) => sites[site]!),
  );
  const longest = Math.max(...byOperator.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => byOperator.flatMap((sites) => sites[turn] ?? [])).flat();
}
