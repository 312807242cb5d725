// The commands of docs/command-line.md, executed in their order in an empty folder, with the files that the page shows.
// @module-tag sweep
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runShell } from '../support/run-shell.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { readDocument, shellLines } from './documents.ts';

const PAGE = 'docs/command-line.md';

test('the commands that the page prints do what it says', () => {
  const directory = temporaryDirectory();
  const calls = readDocument(PAGE).blocks.find(({ language }) => language === 'text')?.code ?? '';
  writeFileSync(join(directory, 'calls.jsonl'), calls);
  const lines = shellLines.filter(({ place }) => place.startsWith(PAGE));
  expect(lines.length).toBeGreaterThan(0);
  for (const { line } of lines) {
    const { status, stdout, stderr } = runShell(line, directory);
    expect({ line, status }, stderr).toEqual({ line, status: 0 });
    if (line.includes('calls.jsonl - '))
      expect(stdout.trim().split('\n')).toHaveLength(calls.trim().split('\n').length);
  }
});
