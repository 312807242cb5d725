// Regular expressions that split a text into words. Hugging Face's are Oniguruma's: only what JavaScript reads in the same
// way passes, and what it would read otherwise is written so that it can't.
import type { Refuse } from './tokenizer-error.ts';

/** Pattern that ByteLevel has built in. */
export const BYTE_LEVEL_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** General categories, and scripts that tokenizers ask for. */
const PROPERTY =
  'C[cf]?|L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|Han|Hiragana|Katakana|Hangul|Thai|Arabic|Cyrillic|Latin|Greek|Hebrew';
const ESCAPE = String.raw`\\(?:[sSdDrnt]|[pP]\{(?:${PROPERTY})\}|[^\p{L}\p{N}\s])`;
const CLASS = String.raw`\[\^?(?:${ESCAPE}|[^\\\[\]&]|&(?!&))+\]`;
/** One piece of a pattern: an escape, a class, a group's beginning, a quantifier that gives back, or a character. */
const PIECE = new RegExp(
  String.raw`(?<anyCase>\(\?i:(?<words>[^()\\\[\]]*)\))|${ESCAPE}|${CLASS}|\((?:\?[:!=])?|\)|[*+?](?![*+?])|\{\d+(?:,\d*)?\}(?![*+?])|[|.$]|[^\\\[\](){}*+?|.^$]`,
  'yu',
);
/** Letters with another letter of the same kind beyond ASCII. */
const FOLDS: ReadonlyMap<string, string> = new Map([
  ['s', 'ſ'],
  ['k', '\u212a'],
]);
/** Letters that one character stands for when case is ignored: ß, ﬆ, ﬀ, ﬁ, ﬂ. */
const LIGATURE = /ss|st|ff|fi|fl|[^ -~]/i;

/**
 * Rewrites a pattern of tokenizer.json for the library, which takes `\s` for White_Space, `.` for all but a line feed,
 * and so on, as Oniguruma does; it would not know that ſ is an s where case does not count.
 *
 * @throws what `refuse` makes of a pattern with a part that is not read in the same way by both.
 */
export function rewritePattern(pattern: string, refuse: Refuse): string {
  let rewritten = '';
  for (let index = 0; index < pattern.length; index = PIECE.lastIndex) {
    PIECE.lastIndex = index;
    const match = PIECE.exec(pattern);
    const words = match?.groups?.words;
    if (match === null || (words !== undefined && LIGATURE.test(words))) {
      throw refuse('pattern', pattern, `what is supported from character ${index} on`);
    }
    if (words !== undefined) rewritten += `(?:${words.replaceAll(/[a-z]/gi, anyCase)})`;
    else rewritten += match[0] === '(' ? '(?:' : match[0];
  }
  try {
    new RegExp(rewritten, 'u');
  } catch {
    throw refuse('pattern', pattern, 'a regular expression');
  }
  return rewritten;
}

function anyCase(letter: string): string {
  const lower = letter.toLowerCase();
  return `[${lower}${lower.toUpperCase()}${FOLDS.get(lower) ?? ''}]`;
}
