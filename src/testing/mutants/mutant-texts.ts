// Texts of shaders with one fault each, in the order in which a sample takes them: operators in turn, so that none is left out.
import { RangeValueError } from '../../util/errors.ts';
import { isRecord } from '../../util/keys.ts';
import { checkOptions, seed as seedCheck } from '../../util/option-checks.ts';
import { permutation } from '../../util/random-values.ts';
import { type Edit, OPERATORS } from './operators.ts';
import { WgslText } from './wgsl-text.ts';

/** Text of a shader with one fault. */
export interface MutantText {
  /** Name of the text that it is made of. */
  readonly file: string;
  /** Place of the first character that changes, both from 1. */
  readonly line: number;
  readonly column: number;
  /** Kind of the fault, such as `bound ± 1`. */
  readonly operator: string;
  /** That line without and with the fault. */
  readonly before: string;
  readonly after: string;
  /** The whole text with the fault. */
  readonly source: string;
}

/**
 * Plants faults in shaders, one in each of the texts that it returns: a bound off by one, a barrier removed, a mask inverted and
 * others. They come in the order in which a sample takes them, which the seed gives: the operators take turns, so that those with
 * few places have a share.
 *
 * @param texts WGSL by name. Faults lie in bodies of functions and values of constants.
 * @throws RangeValueError for texts or options that are none.
 */
export function mutantTexts(
  texts: Readonly<Record<string, string>>,
  options: { readonly seed?: number } = {},
): MutantText[] {
  if (!isRecord(texts)) throw new RangeValueError('texts', texts, 'an object of WGSL texts by name');
  for (const [file, text] of Object.entries(texts)) {
    if (typeof text !== 'string') throw new RangeValueError(`texts.${file}`, text, 'a text of WGSL');
  }
  checkOptions('options of mutantTexts', options, { seed: seedCheck });
  const { seed = 1 } = options;
  return inTurns(
    Object.entries(texts).flatMap(([file, text]) => mutantsOf(file, text)),
    seed,
  );
}

function mutantsOf(file: string, source: string): MutantText[] {
  const wgsl = new WgslText(source);
  return Object.entries(OPERATORS).flatMap(([operator, apply]) =>
    wgsl.tokens.flatMap(({ mutable }, i) =>
      mutable ? apply(wgsl, i).map((edits) => toMutant(wgsl, file, operator, edits)) : [],
    ),
  );
}

function toMutant(wgsl: WgslText, file: string, operator: string, edits: readonly Edit[]): MutantText {
  const { source } = wgsl;
  let changed = '';
  let from = 0;
  for (const { start, end, text } of edits) {
    changed += source.slice(from, start) + text;
    from = end;
  }
  changed += source.slice(from);
  const { line, column } = wgsl.placeOf(edits[0]?.start ?? 0);
  const lineIn = (text: string) => text.split('\n')[line - 1]?.trim() ?? '';
  return { file, line, column, operator, before: lineIn(source), after: lineIn(changed), source: changed };
}

function inTurns(mutants: readonly MutantText[], seed: number): MutantText[] {
  const byOperator = Object.values(Object.groupBy(mutants, ({ operator }) => operator)).map((sites = [], i) =>
    permutation(seed * 1000 + i, sites.length).flatMap((site) => sites[site] ?? []),
  );
  const longest = Math.max(0, ...byOperator.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => byOperator.flatMap((sites) => sites[turn] ?? [])).flat();
}
