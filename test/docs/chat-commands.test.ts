// The table of a chat's commands in docs/command-line.md says what the code says, row by row.
import { expect, test } from 'vitest';
import { CHAT_COMMANDS } from '../../src/cli/chat/commands.ts';
import { readDocument } from './documents.ts';

test('docs/command-line.md has a row for each command of a chat, with its meaning', () => {
  const rows = readDocument('docs/command-line.md').text.matchAll(/^\| `\/\w.*$/gm);
  const commands = Object.entries(CHAT_COMMANDS).map(
    ([name, { takes, meaning }]) => `| \`${`/${name} ${takes}`.trimEnd()}\` | ${meaning} |`,
  );
  expect(Array.from(rows, ([row]) => row)).toEqual(commands);
});
