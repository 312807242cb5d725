// Expressions of a grammar: schemas, regular expressions and EBNF all become these, so that limits are checked and text for
// xgrammar is written in one place.
import { type CharacterSet, sizeOfSet } from './character-set.ts';

/** Parts of a repetition that is written out, at most. */
const MAX_WRITTEN = 16;
/** … of a few characters, which few tokens are made of. */
const MAX_WRITTEN_FEW = 64;
const FEW = 16;

/** A set of texts. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'character'; readonly set: CharacterSet }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly part: Expression; readonly least: number; readonly most: number }
  | { readonly kind: 'rule'; readonly name: string };

/** Named expressions, and the one that a whole text follows. */
export interface Grammar {
  readonly rules: ReadonlyMap<string, Expression>;
  readonly root: string;
}

/** Makes the expression of one text. */
export function text(value: string): Expression {
  return { kind: 'text', text: value };
}

/** The expression of the empty text. */
export const EMPTY: Expression = text('');

/** The expression of no text at all. */
export const NOTHING: Expression = { kind: 'choice', options: [] };

/** Makes the expression of one character of a set. */
export function character(set: CharacterSet): Expression {
  return set.length === 0 ? NOTHING : { kind: 'character', set };
}

/** Makes the expression of one text after another. */
export function sequence(...parts: readonly Expression[]): Expression {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { kind: 'sequence', parts };
}

/** Makes the expression of any of some expressions. */
export function choice(...options: readonly Expression[]): Expression {
  const [only] = options;
  return options.length === 1 && only !== undefined ? only : { kind: 'choice', options };
}

/** Makes the expression of a number of texts in a row; `most` may be infinite. */
export function repeat(part: Expression, least: number, most: number = Number.POSITIVE_INFINITY): Expression {
  if (most === 0) return EMPTY;
  return least === 1 && most === 1 ? part : { kind: 'repeat', part, least, most };
}

/** Makes the expression of a text or none. */
export function optional(part: Expression): Expression {
  return repeat(part, 0, 1);
}

/** Makes the expression of a rule's texts. */
export function rule(name: string): Expression {
  return { kind: 'rule', name };
}

/** Lists the expressions that an expression is made of. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'sequence':
      return expression.parts;
    case 'choice':
      return expression.options;
    case 'repeat':
      return [expression.part];
    default:
      return [];
  }
}

/** Counts the parts of an expression, a repetition's as often as it may be. */
export function sizeOf(expression: Expression): number {
  if (expression.kind === 'text') return Math.max(1, expression.text.length);
  if (expression.kind === 'character') return expression.set.length;
  const size = partsOf(expression).reduce((sum, part) => sum + sizeOf(part), 1);
  return expression.kind === 'repeat' ? size * Math.max(1, countOf(expression)) : size;
}

/** Gives the parts of a repetition that are told apart. */
function countOf({ least, most }: Extract<Expression, { kind: 'repeat' }>): number {
  return Number.isFinite(most) ? most : least;
}

/** Tells whether a repetition is counted, where a shorter one is written out. */
export function isLongRepetition(expression: Expression): expression is Extract<Expression, { kind: 'repeat' }> {
  if (expression.kind !== 'repeat') return false;
  const { part } = expression;
  const isFew = part.kind === 'character' && sizeOfSet(part.set) <= FEW;
  const count = countOf(expression);
  return count > 1 && count * sizeOf(part) > (isFew ? MAX_WRITTEN_FEW : MAX_WRITTEN);
}

/** Writes a grammar as a text, the same for the same grammar. */
export function writeGrammar({ rules, root }: Grammar): string {
  return JSON.stringify([root, ...rules]);
}

/** Reads what `writeGrammar` wrote. */
export function readGrammar(written: string): Grammar {
  // JSON has no infinity.
  const [root, ...rules] = JSON.parse(written, (key, value: unknown) =>
    key === 'most' && value === null ? Number.POSITIVE_INFINITY : value,
  );
  return { root, rules: new Map(rules) };
}
