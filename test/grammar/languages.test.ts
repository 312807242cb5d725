// Texts that automata read: those of regular expressions, by JavaScript's own, and numbers of a range, one by one.
import { describe, expect, test } from 'vitest';
import { automatonOf, type State } from '../../src/grammar/automaton.ts';
import { intersectSets } from '../../src/grammar/character-set.ts';
import { character } from '../../src/grammar/expression.ts';
import { integersBetween, numbersBetween } from '../../src/grammar/number-ranges.ts';
import { parseRegex } from '../../src/grammar/parse-regex.ts';
import { byteSequences } from '../../src/grammar/utf8.ts';
import { randomNumbers } from '../support/grammar/walk.ts';

/** Tells whether an automaton without rules reads a text. */
function reads(states: readonly State[], text: string): boolean {
  let at: number | undefined = 0;
  for (const byte of new TextEncoder().encode(text)) {
    at = states[at ?? 0]?.steps.find(
      ({ label }) => 'bytes' in label && label.bytes.some(([first, last]) => first <= byte && byte <= last),
    )?.next;
    if (at === undefined) return false;
  }
  return states[at]?.isEnd === true;
}

const automaton = (regex: string) => automatonOf(parseRegex(regex, { subject: 'regex', isSearch: false, character }));

/** Lists all texts of some letters up to a length. */
function textsOf(letters: string, length: number): string[] {
  const texts = [''];
  for (let start = 0, end = 1, longest = 0; longest < length; longest++, start = end, end = texts.length)
    for (const text of texts.slice(start, end)) texts.push(...Array.from(letters, (letter) => text + letter));
  return texts;
}

test('random regular expressions read the texts that they do in JavaScript', () => {
  const random = randomNumbers(8);
  const below = (most: number) => Math.floor(random() * most);
  const draw = (depth: number): string => {
    const kind = below(depth === 0 ? 2 : 6);
    if (kind < 2) return ['a', '[ab]', 'é', '[b-ê]', '[b-é]', '\\w', ''][below(7)] ?? '';
    if (kind === 2) return `(?:${draw(depth - 1)})${['?', '*', '+', '{2}', '{1,3}', '{2,}?'][below(6)] ?? ''}`;
    if (kind === 3) return draw(depth - 1) + draw(depth - 1);
    return `(${Array.from({ length: 2 + below(3) }, () => draw(depth - 1)).join('|')})`;
  };
  const texts = textsOf('abé', 5);
  for (let round = 0; round < 150; round++) {
    const regex = draw(4);
    const states = automaton(regex);
    const native = new RegExp(`^(?:${regex})$`, 'u');
    expect([regex, texts.filter((text) => reads(states, text))]).toEqual([
      regex,
      texts.filter((text) => native.test(text)),
    ]);
  }
});

test('a surrogate pair in escapes is one character', () => {
  const states = automaton('[\\ud83d\\ude00-\\ud83d\\ude02]\\ud83d\\ude00');
  const texts = ['\u{1f600}', '\u{1f602}', '\u{1f603}'].flatMap((first) => [first, `${first}\u{1f600}`]);
  expect(texts.filter((text) => reads(states, text))).toEqual(['\u{1f600}\u{1f600}', '\u{1f602}\u{1f600}']);
});

test.each(['ab', '^a', 'b$', '^ab?$|ba', 'a|^b|a$', ''])(
  'a pattern that is searched finds what JavaScript does: %s',
  (pattern) => {
    const found = parseRegex(pattern, {
      subject: 'pattern',
      isSearch: true,
      character: (set) => character(intersectSets(set, [[0x61, 0x62]])),
    });
    const texts = textsOf('ab', 5);
    const states = automatonOf(found);
    expect(texts.filter((text) => reads(states, text))).toEqual(
      texts.filter((text) => new RegExp(pattern, 'u').test(text)),
    );
  },
);

test('a state has no two steps for one byte, so that nothing can join them', () => {
  for (const { steps } of automaton('(?:[ab]|[ab]c|[a-c]{2}|é|[à-ü]x){1,3}')) {
    const bytes = steps.flatMap(({ label }) =>
      'bytes' in label
        ? label.bytes.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
        : [],
    );
    expect(new Set(bytes).size).toBe(bytes.length);
  }
});

describe('a range of numbers', () => {
  test.each<readonly [low: number | null, high: number | null, isExclusive: boolean]>([
    ...[[-999, 1000, false] as const, [98, 1203, true] as const, [0, 0, false] as const, [-7, null, false] as const],
    ...[
      [null, -95, true] as const,
      [3, 2, false] as const,
      [-0.5, 12.25, false] as const,
      [99.5, 100.5, true] as const,
    ],
  ])('%s to %s, exclusive: %s', (low, high, isExclusive) => {
    const bound = (value: number | null) => (value === null ? null : { value, isExclusive });
    const isWithin = (value: number) =>
      (low === null || (isExclusive ? value > low : value >= low)) &&
      (high === null || (isExclusive ? value < high : value <= high));
    const integers = automatonOf(integersBetween(bound(low), bound(high)));
    const numbers = automatonOf(numbersBetween(bound(low), bound(high)));
    for (let value = -1300; value <= 1300; value++) {
      expect([value, reads(integers, String(value))]).toEqual([value, isWithin(value)]);
      const decimal = (value / 20).toFixed(2);
      if (decimal !== '-0.00') expect([decimal, reads(numbers, decimal)]).toEqual([decimal, isWithin(value / 20)]);
    }
    for (const text of ['', '-', '00', '01', '-0', '+1', '1.', '.5', '1e3']) expect(reads(numbers, text)).toBe(false);
  });
});

test('the bytes of a set of characters are those of UTF-8', () => {
  const sequences = byteSequences([[0xe0, 0x10fff]]);
  const isRead = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    return sequences.some(
      (ranges) =>
        ranges.length === bytes.length &&
        ranges.every(([first, last], i) => first <= (bytes[i] ?? 0) && (bytes[i] ?? 0) <= last),
    );
  };
  const edges = [0x80, 0xdf, 0xe0, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10fff, 0x11000, 0x10ffff];
  expect(edges.filter((code) => isRead(String.fromCodePoint(code)))).toEqual(
    edges.filter((code) => code >= 0xe0 && code <= 0x10fff),
  );
});
