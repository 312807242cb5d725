// An answer as it is printed: whole lines, and nothing that a terminal would obey.
import { expect, test } from 'vitest';
import { answerPrinter } from '../../../src/cli/chat/answer-printer.ts';

function printed(pieces: readonly string[], isTerminal = false): string {
  let text = '';
  const printer = answerPrinter((piece) => {
    text += piece;
  }, isTerminal);
  for (const piece of pieces) printer.piece(piece);
  printer.end();
  printer.end();
  return text;
}

test.each([
  [[' \n', ' A', ' king', '.'], 'A king.\n'],
  [['A king.\n', '', '\n'], 'A king.\n\n'],
  [[], '\n'],
  [[' '], '\n'],
])('%j is %j', (pieces, text) => expect(printed(pieces)).toBe(text));

test('shows control characters on a terminal alone', () => {
  const pieces = ['a\tb\r\u001B[2J', '\u009B\nc'];
  expect(printed(pieces)).toBe(`${pieces.join('')}\n`);
  expect(printed(pieces, true)).toBe('a\tb\uFFFD\uFFFD[2J\uFFFD\nc\n');
});
