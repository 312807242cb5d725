// Regular expressions that split a text into words. Hugging Face's are Oniguruma's: what JavaScript can say exactly is
// translated, and a pattern with any other part is refused.
import type { Refuse } from './tokenizer-error.ts';

/** Pattern that ByteLevel has built in. */
export const BYTE_LEVEL_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const CATEGORY = 'C[cf]?|L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?';
const SCRIPT = 'Han|Hiragana|Katakana|Hangul|Thai|Arabic|Cyrillic|Latin|Greek|Hebrew';
const ESCAPE = String.raw`\\(?:[sSdDrnt]|[pP]\{(?:${CATEGORY}|${SCRIPT})\}|[^\p{L}\p{N}\s])`;
const CLASS = String.raw`\[\^?(?:${ESCAPE}|[^\\\[\]&]|&(?!&))+\]`;
/** One piece of a pattern: an escape, a class, a group's beginning, a quantifier that gives back, or a character. */
const PIECE = new RegExp(
  String.raw`(?<anyCase>\(\?i:(?<words>[^()\\\[\]]*)\))|(?<escapes>${ESCAPE}|${CLASS})|\((?:\?[:!=])?|\)|[*+?](?![*+?])|\{\d+(?:,\d*)?\}(?![*+?])|[|.$]|[^\\\[\](){}*+?|.^$]`,
  'yu',
);
/** Pieces that JavaScript writes in another way. */
const PIECES: ReadonlyMap<string, string> = new Map([
  ['(', '(?:'],
  ['.', String.raw`[^\n]`],
  ['$', String.raw`(?=\n|$)`],
  ['/', String.raw`\/`],
]);
/** Escapes that JavaScript gives another meaning: its `\s` has U+FEFF and lacks U+0085, its `\d` is ASCII's. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  [String.raw`\s`, String.raw`\p{White_Space}`],
  [String.raw`\S`, String.raw`\P{White_Space}`],
  [String.raw`\d`, String.raw`\p{Nd}`],
  [String.raw`\D`, String.raw`\P{Nd}`],
]);
const EACH_ESCAPE = new RegExp(ESCAPE, 'gu');
const SCRIPT_ESCAPE = new RegExp(String.raw`^(\\[pP]\{)(${SCRIPT})\}$`, 'u');
/** Escaped signs that stay escaped; the `u` flag refuses a backslash before any other. */
const SYNTAX_SIGN = /^\\[\^$\\.*+?()[\]{}|/-]$/;
/** Letters with another letter of the same kind beyond ASCII. */
const FOLDS: ReadonlyMap<string, string> = new Map([
  ['s', 'ſ'],
  ['k', '\u212a'],
]);
/** Letters that one character stands for when case is ignored: ß, ﬆ, ﬀ, ﬁ, ﬂ. */
const LIGATURE = /ss|st|ff|fi|fl|[^ -~]/i;

/**
 * Compiles a pattern of tokenizer.json; its groups capture nothing, and it finds every match.
 *
 * @throws what `refuse` makes of a pattern with a part that JavaScript can't read as Oniguruma does.
 */
export function compilePattern(pattern: string, refuse: Refuse): RegExp {
  let source = '';
  for (let index = 0; index < pattern.length; index = PIECE.lastIndex) {
    PIECE.lastIndex = index;
    const match = PIECE.exec(pattern);
    const words = match?.groups?.words;
    if (match === null || (words !== undefined && LIGATURE.test(words))) {
      throw refuse('pattern', pattern, `what is supported from character ${index} on`);
    }
    const [piece] = match;
    if (words !== undefined) source += `(?:${words.replaceAll(/[a-z]/gi, anyCase)})`;
    else if (match.groups?.escapes !== undefined) source += piece.replaceAll(EACH_ESCAPE, translateEscape);
    else source += PIECES.get(piece) ?? piece;
  }
  try {
    return new RegExp(source, 'gu');
  } catch {
    throw refuse('pattern', pattern, 'a regular expression');
  }
}

function anyCase(letter: string): string {
  const lower = letter.toLowerCase();
  return `[${lower}${lower.toUpperCase()}${FOLDS.get(lower) ?? ''}]`;
}

function translateEscape(written: string): string {
  const translated = ESCAPES.get(written) ?? written.replace(SCRIPT_ESCAPE, '$1Script=$2}');
  const isSign = /^\\[^\p{L}]/u.test(translated);
  return isSign && !SYNTAX_SIGN.test(translated) ? translated.slice(1) : translated;
}
