// Grammars that are walked: texts that they read, by JavaScript's own expressions; masks, by xgrammar and by each token alone; and counts.
import { describe, expect, test } from 'vitest';
import { type Compiled, walkedGrammar, watchedGrammar } from '../../src/grammar/compiled-grammar.ts';
import { GrammarFailedError } from '../../src/grammar/errors.ts';
import { printEbnf } from '../../src/grammar/print-ebnf.ts';
import { Pushdown, type Situation } from '../../src/grammar/pushdown.ts';
import { grammarOf, type StructuredOutput } from '../../src/grammar/structured-output.ts';
import { TokenTree } from '../../src/grammar/token-tree.ts';
import { readVocabulary } from '../../src/grammar/vocabulary.ts';
import { loadXGrammar } from '../../src/grammar/xgrammar.ts';
import { lettersOfBytes } from '../../src/tokenizer/byte-letters.ts';
import { runWhole } from '../../src/util/turns.ts';
import { randomSchema, withDefinitions } from '../support/grammar/schemas.ts';
import { allowedIds, randomNumbers, tales } from '../support/grammar/walk.ts';

const vocabulary = runWhole(readVocabulary(tales, tales.vocabSize, tales.eosIds));
const tree = new TokenTree(vocabulary);
const walked = (output: StructuredOutput) => new Pushdown(grammarOf(output));

/** Follows a text; gives null where no text of the grammar begins with it. */
function follow(grammar: Pushdown, text: string): Situation | null {
  let at: Situation | null = grammar.start;
  for (const byte of new TextEncoder().encode(text)) at = at === null ? null : grammar.step(at, byte);
  return at;
}

const reads = (grammar: Pushdown, text: string) => follow(grammar, text)?.isEnd === true;

/** Draws ids that a grammar allows; gives the situation before each. */
function drawSituations(grammar: Pushdown, seed: number, count: number): { at: Situation; ids: number[] }[] {
  const random = randomNumbers(seed);
  const drawn: { at: Situation; ids: number[] }[] = [];
  let at: Situation | null = grammar.start;
  const ids: number[] = [];
  while (at !== null && drawn.length < count) {
    drawn.push({ at, ids: [...ids] });
    const allowed = allowedIds(new Uint32Array(tree.mask(grammar, at))).filter((id) => !tales.eosIds.includes(id));
    const id = allowed[Math.floor(random() * allowed.length)];
    if (id === undefined) break;
    ids.push(id);
    at = tree.step(grammar, at, id);
  }
  return drawn;
}

test('random regular expressions read the texts that they do in JavaScript', () => {
  const random = randomNumbers(21);
  const below = (most: number) => Math.floor(random() * most);
  const draw = (depth: number): string => {
    const kind = below(depth === 0 ? 2 : 6);
    if (kind < 2) return ['a', '[ab]', 'é', '[b-ê]', '\\w', '', 'ab'][below(7)] ?? '';
    if (kind === 2) return `(?:${draw(depth - 1)})${['?', '*', '+', '{2}', '{1,30}', '{0,99}'][below(6)] ?? ''}`;
    if (kind === 3) return draw(depth - 1) + draw(depth - 1);
    return `(?:${Array.from({ length: 2 + below(3) }, () => draw(depth - 1)).join('|')})`;
  };
  const texts = [''];
  for (let start = 0, length = 0; length < 4; length++) {
    const end = texts.length;
    for (const text of texts.slice(start)) texts.push(...Array.from('abé', (letter) => text + letter));
    start = end;
  }
  for (let round = 0; round < 60; round++) {
    const regex = draw(3);
    const grammar = walked({ regex });
    const native = new RegExp(`^(?:${regex})$`, 'u');
    const expected = texts.filter((text) => native.test(text));
    expect([regex, texts.filter((text) => reads(grammar, text))]).toEqual([regex, expected]);
  }
});

test('its masks are those of xgrammar', async () => {
  const library = loadXGrammar();
  const tokens = Array.from(vocabulary.ends, (end, id) =>
    lettersOfBytes(vocabulary.bytes.subarray(vocabulary.ends[id - 1] ?? 0, end)),
  );
  const { size, eosIds } = vocabulary;
  const info = await library.TokenizerInfo.createTokenizerInfo(tokens, 'byte_level', false, size, [...eosIds]);
  const compiler = await library.GrammarCompiler.createGrammarCompiler(info, false);
  const random = randomNumbers(31);
  const outputs: StructuredOutput[] = [
    { jsonObject: true },
    { grammar: 'root ::= "(" root ")" root | "x" | ""' },
    { grammar: 'root ::= ("é" | [^a-z"] | "ab")* end\nend ::= "." | "..."' },
    { regex: '(?:Once|On|once upon) a [a-z]{1,9}(?: \\S)?' },
    ...Array.from({ length: 16 }, () => ({ json: withDefinitions(randomSchema(random)) })),
  ];
  let numCompared = 0;
  for (const [index, output] of outputs.entries()) {
    const printed = printEbnf(grammarOf(output));
    if (printed === null) continue;
    const compiled = await compiler.compileGrammar(printed);
    const grammar = walked(output);
    const matcher = await library.GrammarMatcher.createGrammarMatcher(compiled);
    for (const { at, ids } of drawSituations(grammar, index, 10)) {
      const last = ids.at(-1);
      if (last !== undefined) expect(matcher.acceptToken(last)).toBe(true);
      const theirs = allowedIds(new Uint32Array(await matcher.getNextTokenBitmask()));
      const text = tales.decode(ids, { skipSpecialTokens: false });
      expect([output, text, allowedIds(new Uint32Array(tree.mask(grammar, at)))]).toEqual([output, text, theirs]);
      numCompared++;
    }
    matcher.dispose();
    compiled.dispose();
  }
  expect(numCompared).toBeGreaterThan(60);
});

test('a mask has the tokens that can be followed one by one, and a token that it lacks goes nowhere', () => {
  const outputs = [
    { json: { type: 'string', maxLength: 40 } },
    { json: { enum: Array.from({ length: 2000 }, (_, index) => `é${index}`) } },
    { regex: '.*a.{20}' },
  ];
  for (const output of outputs) {
    const grammar = walked(output);
    for (const { at } of drawSituations(grammar, 3, 5)) {
      const alone = Array.from({ length: tales.vocabSize }, (_, id) => id).filter((id) =>
        tales.eosIds.includes(id) ? at.isEnd : tree.step(grammar, at, id) !== null,
      );
      expect(allowedIds(new Uint32Array(tree.mask(grammar, at)))).toEqual(alone);
    }
  }
});

describe('a repetition is counted', () => {
  test.each<[regex: string, unit: string, least: number, most: number]>([
    ['(?:ab){3,500}', 'ab', 3, 500],
    ['(?:ab){100,}', 'ab', 100, Number.POSITIVE_INFINITY],
    ['é{0,10000}', 'é', 0, 10_000],
    ['(?:a?){100}', 'a', 0, 100],
    ['(?:(?:ab){20}){30}', 'ab', 600, 600],
  ])('%s', (regex, unit, least, most) => {
    const grammar = walked({ regex });
    for (const count of [0, 1, least - 1, least, least + 1, 400, most - 1, most, most + 1]) {
      if (count < 0 || count === Number.POSITIVE_INFINITY) continue;
      expect([count, reads(grammar, unit.repeat(count))]).toEqual([count, least <= count && count <= most]);
    }
  });

  test('and the longest string ends where its maxLength does', () => {
    const grammar = walked({ json: { type: 'string', minLength: 300, maxLength: 301 } });
    const string = (text: string) => JSON.stringify(text);
    for (const character of ['x', 'é', '"', '\u{1f600}'])
      expect([299, 300, 301, 302].map((length) => reads(grammar, string(character.repeat(length))))).toEqual([
        ...[false, true, true, false],
      ]);
  });
});

test('a recursion keeps no place for what is over: situations repeat', () => {
  const grammar = walked({ grammar: 'root ::= "a" root | "b"' });
  expect(follow(grammar, 'aaa')).toBe(follow(grammar, 'a'));
  expect(reads(grammar, `${'a'.repeat(100_000)}b`)).toBe(true);
});

test('what was made may be forgotten at any time, and masks stay as they were', () => {
  const output = { regex: '[a-z ]{0,30}a[a-z ]{5,20}' };
  const [whole, forgetful] = [walked(output), new Pushdown(grammarOf(output), 20_000)];
  const drawn = drawSituations(whole, 8, 7);
  let at: Situation | null = forgetful.start;
  for (const [index, { at: expected }] of drawn.entries()) {
    if (at === null) throw new Error('it goes nowhere');
    expect(tree.mask(forgetful, at)).toEqual(tree.mask(whole, expected));
    const id = drawn[index + 1]?.ids.at(-1);
    if (id !== undefined) at = tree.step(forgetful, at, id);
  }
  expect(drawn.length).toBeGreaterThan(3);
});

test('what is remembered counts the places of a text too, of which an ambiguous grammar makes thousands, and can be forgotten', () => {
  const bound = 10_000;
  const output = { regex: '[^q]*[a-f].{20,90}[b-m].{0,60}z' };
  const [ambiguous, unbounded] = [new Pushdown(grammarOf(output), bound), walked(output)];
  const text = 'abcdefghijklm '.repeat(12);
  let [most, words] = [0, 0];
  let at: Situation | null = ambiguous.start;
  for (const byte of new TextEncoder().encode(text)) {
    const before: number = ambiguous.numHeld;
    at = at === null ? null : ambiguous.step(at, byte);
    most = Math.max(most, ambiguous.numHeld);
    words += Math.max(0, ambiguous.numHeld - before);
  }
  expect(words).toBeGreaterThan(2 * bound);
  expect(most).toBeLessThan(2 * bound);
  const expected = follow(unbounded, text);
  const next = (grammar: Pushdown, from: Situation | null) => from && grammar.step(from, 'z'.charCodeAt(0));
  expect(next(ambiguous, at)?.isEnd).toBe(true);
  expect(next(unbounded, expected)?.isEnd).toBe(true);
  unbounded.forget();
  expect(unbounded.numHeld).toBe(0);
  expect(follow(unbounded, text)).not.toBe(expected);
});

test('a grammar of xgrammar is walked from its first slow mask on, with the same masks', async () => {
  const output = {
    grammar: 'root ::= a | c\na ::= (b [^\\n"] | "")* | [a-z]\nb ::= c c c*\nc ::= [^\\n"] | [^a]* | "a"',
  };
  const compiled = (): Compiled => walkedGrammar(tree, walked(output));
  const log: string[] = [];
  const noted = (name: string): Compiled => ({
    ...compiled(),
    match: async () => {
      const matching = await compiled().match();
      const accept = (id: number) => {
        log.push(`${name} ${id}`);
        return matching.accept(id);
      };
      return { accept, mask: () => matching.mask(), dispose: () => void log.push(`${name} ended`) };
    },
  });
  // Every mask takes more than no time.
  const watched = watchedGrammar(noted('slow'), () => noted('walked'), -1);
  const [begun, fresh, alone] = [await watched.match(), await watched.match(), await compiled().match()];
  const [one = 0, two = 0] = tales.encode('a king', { parseSpecial: false });
  expect(begun.accept(one)).toBe(true);
  expect(await fresh.mask()).toEqual(await alone.mask());
  alone.accept(one);
  for (const text of [begun, fresh]) {
    if (text === fresh) expect(text.accept(one)).toBe(true);
    expect(await text.mask()).toEqual(await alone.mask());
  }
  alone.accept(two);
  expect(begun.accept(two)).toBe(true);
  expect(await begun.mask()).toEqual(await alone.mask());
  begun.dispose();
  const replayed = [`slow ${one}`, 'slow ended', 'slow ended', `walked ${one}`, `walked ${one}`];
  expect(log).toEqual([...replayed, `walked ${two}`, 'walked ended']);
});

test('a grammar that reads a text in too many ways at a time is given up', () => {
  const grammar = walked({ regex: '(?:(?:a|b){1,50}){1,100}' });
  expect(() => follow(grammar, 'a'.repeat(2000))).toThrow(GrammarFailedError);
});
