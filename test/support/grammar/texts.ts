// Regular expressions, grammars and lists of texts with judges that share no code with the automata: JavaScript's expressions, and
// rewriting of what stands within brackets until nothing is left of it.
import type { StructuredOutput } from '../../../src/grammar/structured-output.ts';
import { randomNumbers } from './walk.ts';

/** An output that is asked for, and the judge of its texts. */
export interface OutputCase {
  readonly name: string;
  readonly output: StructuredOutput;
  readonly fits: (text: string) => boolean;
}

const REGEXES = [
  ...['[a-c]{2,3}\\d+(?:x|yy)*', 'Once (?:upon|in) a (?:time|while)', '[^a-z\\s]{4}', '(?<year>\\d{4})-\\d\\d?'],
  ...['\\u00e9+?x', '[\\u{1f600}-\\u{1f64f}]{2}', '.{1,9}', '\\S+'],
];

/** Replaces what a pattern finds until it finds nothing more. */
function reduce(text: string, pattern: RegExp, replacement: string): string {
  for (let last = ''; last !== text; ) {
    last = text;
    text = text.replaceAll(pattern, replacement);
  }
  return text;
}

const GRAMMARS: readonly (readonly [grammar: string, fits: RegExp | ((text: string) => boolean)])[] = [
  ['root ::= "a" root "b" | "ab"', (text) => reduce(text, /a\.?b/g, '.') === '.'],
  ['root ::= item (", " item)*\nitem ::= [A-Z] [a-z]{0,3} # a name', /^[A-Z][a-z]{0,3}(, [A-Z][a-z]{0,3})*$/],
  [
    'root ::= sum\nsum ::= term ("+" term)*\nterm ::= [0-9]{1,2} | "(" sum ")"',
    (text) => /^\d\d?(\+\d\d?)*$/.test(reduce(text, /(?<!\d)\(\d\d?(\+\d\d?)*\)(?!\d)/g, '1')),
  ],
  ['root ::= "\\u00e9" [^x]? "\\x41"', /^é[^x]?A$/u],
  [
    'root ::= pair{1,3}\npair ::= "(" pair{0,2} ")" | "[" pair{0,2} "]"',
    (text) => /^\.{1,3}$/.test(reduce(text, /\(\.{0,2}\)|\[\.{0,2}\]/g, '.')),
  ],
  [
    'root ::= row ("\\n" row){0,4}\nrow ::= cell ("," cell){2}\ncell ::= [a-z]{1,8} | "\\"" [^"\\n]{0,10} "\\""',
    /^(?:(?:^|\n)(?:(?:[a-z]{1,8}|"[^"\n]{0,10}")(?:,(?!\n|$)|(?=\n|$))){3}){1,5}$/u,
  ],
  ['root ::= [12] [0-9]{3} "-" [01] [0-9] "-" [0-3] [0-9]', /^[12]\d{3}-[01]\d-[0-3]\d$/],
  [
    'root ::= ("Hello" | "Good " ("morning" | "evening")) ", " [A-Z] [a-z]{1,10} [.!]',
    /^(Hello|Good (morning|evening)), [A-Z][a-z]{1,10}[.!]$/,
  ],
  ['root ::= number "." number "." number\nnumber ::= "0" | [1-9] [0-9]{0,2}', /^((0|[1-9]\d{0,2})(\.|$)){3}$/],
  ['root ::= "#" ([0-9a-f]{6} | [0-9a-f]{3})', /^#([0-9a-f]{6}|[0-9a-f]{3})$/],
  ['root ::= [A-Z] ([a-z]+ " "){1,12} [a-z]+ "."', /^[A-Z]([a-z]+ ){1,12}[a-z]+\.$/],
  ['root ::= ("- " [A-Za-z ]{3,30} "\\n"){2,4}', /^(- [A-Za-z ]{3,30}\n){2,4}$/],
  [
    'root ::= "(" word (" " (word | root)){0,3} ")"\nword ::= [a-z]{1,6}',
    (text) => reduce(text, /(?<=^| )\([a-z]{1,6}( [a-z]{1,6}){0,3}\)(?=$|[ )])/g, 'x') === 'x',
  ],
  [
    'root ::= (key "=" value ";"){1,5}\nkey ::= [a-z]{1,5}\nvalue ::= [0-9]{1,4} | "on" | "off"',
    /^([a-z]{1,5}=(\d{1,4}|on|off);){1,5}$/,
  ],
  ['root ::= "X"{0,3} ("IX" | "IV" | "V"? "I"{0,3}) "."', /^X{0,3}(IX|IV|V?I{0,3})\.$/],
  [
    'root ::= move (" " move){1,7}\nmove ::= [KQRBN]? [a-h] [1-8] | "O-O" "-O"?',
    /^((^| )([KQRBN]?[a-h][1-8]|O-O(-O)?)){2,8}$/,
  ],
  ['root ::= ("yes" | "no") ", because " [^.]{1,60} "."', /^(yes|no), because [^.]{1,60}\.$/u],
  [
    'root ::= "<p>" part{1,4} "</p>"\npart ::= [a-z ]{1,20} | "<b>" part{1,2} "</b>"',
    (text) => /^<p>[a-z ]{1,80}<\/p>$/.test(reduce(text, /<b>[a-z ]{1,40}<\/b>/g, 'x')),
  ],
  ['root ::= "Q: " line "A: " line\nline ::= [^\\n]{1,80} "\\n"', /^Q: [^\n]{1,80}\nA: [^\n]{1,80}\n$/u],
  ['root ::= "0b" [01]{8} | "0x" [0-9A-F]{2}', /^(0b[01]{8}|0x[0-9A-F]{2})$/],
];

const CHOICES = [
  ['yes', 'no'],
  ['a', 'ab', 'abc', 'bc'],
  ['é"\n', '{}'],
  ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
  ['positive', 'negative', 'neutral'],
  Array.from({ length: 500 }, (_, index) => `item ${index}`),
  ['no', 'nothing', 'nothing at all'],
  ['the king', 'the kingdom', 'the king and the queen'],
  ['日本', '日曜日', '月'],
  ['only this'],
];

/** Regular expressions: written ones, and drawn ones whose alternatives share their starts and ends. */
export function regexCases(numDrawn: number): OutputCase[] {
  return [...REGEXES, ...randomRegexes(numDrawn)].map((regex) => {
    const native = new RegExp(`^(?:${regex})$`, 'u');
    return { name: `regex ${regex}`, output: { regex }, fits: (text) => native.test(text) };
  });
}

/** Grammars in EBNF. */
export const GRAMMAR_CASES: readonly OutputCase[] = GRAMMARS.map(([grammar, fits]) => {
  const judge = typeof fits === 'function' ? fits : (text: string) => fits.test(text);
  return { name: `grammar ${grammar}`, output: { grammar }, fits: judge };
});

/** Lists of texts. */
export const CHOICE_CASES: readonly OutputCase[] = CHOICES.map((choice) => {
  return { name: `choice ${choice.slice(0, 7).join()}`, output: { choice }, fits: (text) => choice.includes(text) };
});

function randomRegexes(count: number): string[] {
  const random = randomNumbers(3);
  const below = (most: number) => Math.floor(random() * most);
  const draw = (depth: number): string => {
    const kind = below(depth === 0 ? 2 : 5);
    if (kind < 2) return ['a', '[ab]', 'bc', '[a-c]'][below(4)] ?? 'a';
    if (kind === 2) return `(?:${draw(depth - 1)})${['?', '{1,3}', '{2}'][below(3)] ?? ''}`;
    if (kind === 3) return `${draw(depth - 1)}${draw(depth - 1)}`;
    return `(?:${Array.from({ length: 2 + below(3) }, () => draw(depth - 1)).join('|')})`;
  };
  return Array.from({ length: count }, () => draw(4));
}
