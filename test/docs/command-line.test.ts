// The commands of docs/command-line.md and docs/structured-output.md, executed in their order in an empty folder, with the files that
// the pages show.
// @module-tag sweep
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { judgeOf } from '../support/grammar/schemas.ts';
import { runShell } from '../support/run-shell.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { readDocument, shellLines } from './documents.ts';

const PAGE = 'docs/command-line.md';

const linesOfPage = shellLines.filter(({ place }) => place.startsWith(PAGE)).map(({ line }) => line);
/** Command of a line: each loads the model anew, and npm test has one line of each. */
const commandOf = (line: string) => /^npx roseinfer \w+/.exec(line)?.[0];
const firstOfEach = linesOfPage.filter(
  (line, i) => linesOfPage.findIndex((other) => commandOf(other) === commandOf(line)) === i,
);

test('the first line of each command that the page prints does what it says', () => expectToWork(firstOfEach));
test('all commands that the page prints do what it says', { tags: ['slow'] }, () => expectToWork(linesOfPage));

function expectToWork(lines: readonly string[]): void {
  const directory = temporaryDirectory();
  const calls = readDocument(PAGE).blocks.find(({ language }) => language === 'text')?.code ?? '';
  writeFileSync(join(directory, 'calls.jsonl'), calls);
  const template = readDocument(PAGE).blocks.find(({ language }) => language === 'jinja')?.code ?? '';
  writeFileSync(join(directory, 'roles.jinja'), template);
  writeFileSync(join(directory, 'questions.txt'), 'Who came?\n');
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    const { status, stdout, stderr } = runShell(line, directory);
    expect({ line, status }, stderr).toEqual({ line, status: 0 });
    if (line.includes('calls.jsonl - '))
      expect(stdout.trim().split('\n')).toHaveLength(calls.trim().split('\n').length);
  }
}

test('the commands with a schema print JSON that fits the one that the page shows', () => {
  const page = 'docs/structured-output.md';
  const directory = temporaryDirectory();
  const schema = readDocument(page).blocks.find(({ language }) => language === 'json')?.code ?? '';
  writeFileSync(join(directory, 'hero.json'), schema);
  const fits = judgeOf(JSON.parse(schema));
  const lines = shellLines.filter(({ place }) => place.startsWith(page)).map(({ line }) => line);
  const [one, several, ...others] = lines.map((line) => {
    const { status, stdout, stderr } = runShell(line, directory);
    expect({ line, status }, stderr).toEqual({ line, status: 0 });
    return stdout;
  });
  expect(others).toEqual([]);
  expect(fits(one ?? '')).toBe(true);
  const texts = (several ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).text);
  expect(texts.map(fits)).toEqual([true, true, true]);
  expect(fits('{}')).toBe(false);
});
