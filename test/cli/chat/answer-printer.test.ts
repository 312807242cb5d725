// An answer as it is printed: whole lines, and nothing that a terminal would obey.
import { expect, test } from 'vitest';
import { answerPrinter } from '../../../src/cli/chat/answer-printer.ts';

interface Setting {
  readonly isTerminal?: boolean;
  readonly isCut?: boolean;
}

function printed(pieces: readonly string[], { isTerminal = false, isCut = false }: Setting = {}): string {
  let text = '';
  const print = (piece: string) => {
    text += piece;
  };
  const printer = answerPrinter({ isTerminal, before: '|', print });
  for (const piece of pieces) printer.piece(piece);
  if (isCut) printer.cut();
  else printer.end();
  return text;
}

test.each([
  [[' \n', ' A', ' king', '.'], '|A king.\n'],
  [['A king.\n', '', '\n'], '|A king.\n'],
  [['A king.', '\n', ' \n', 'A duke. '], '|A king.\n \nA duke.\n'],
  [[], '|\n'],
  [[' '], '|\n'],
])('%j is %j', (pieces, text) => expect(printed(pieces)).toBe(text));

test.each([
  [[' A', ' king'], '|A king\n'],
  [['A king.\n'], '|A king.\n'],
  [[' '], ''],
])('%j of an answer that failed is %j', (pieces, text) => expect(printed(pieces, { isCut: true })).toBe(text));

test('shows control characters on a terminal alone', () => {
  const pieces = ['a\tb\r\u001B[2J', '\u009B\nc'];
  expect(printed(pieces)).toBe(`|${pieces.join('')}\n`);
  expect(printed(pieces, { isTerminal: true })).toBe('|a\tb\uFFFD\uFFFD[2J\uFFFD\nc\n');
});
