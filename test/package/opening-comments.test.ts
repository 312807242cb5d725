// Every file of code opens with a comment on what it is: a reader's first sentence is about the file, not about a helper
// that happens to come first. The rule is held here, as the linter has none for it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Imports of a shader, which may run over lines, and directives: both must come before any comment. */
const BEFORE_A_SHADER = /^(?:(?:@if\(\w+\) )?(?:import|enable|requires) [^;]*;\s*)*/;

/** Tells whether a file opens with a comment that is more than a tag of the test runner. */
function isOpened(path: string, text: string): boolean {
  const opening = path.endsWith('.wgsl') ? text.replace(BEFORE_A_SHADER, '') : text;
  return /^\/[/*](?! @)/.test(opening);
}

const files = ['src', 'bench', 'shaders', 'test']
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
  .filter((path) => /\.(?:ts|wgsl)$/.test(path));

test('every file of code opens with a comment', () => {
  expect(files.length).toBeGreaterThan(600);
  expect(files.filter((path) => !isOpened(path, readFileSync(path, 'utf8')))).toEqual([]);
});

test('errors in comments are named without braces', () => {
  expect(files.filter((path) => /\* @throws \{/.test(readFileSync(path, 'utf8')))).toEqual([]);
});

test.each<[path: string, text: string, opened: boolean]>([
  ['a.ts', '// A file.\nimport b;', true],
  ['a.ts', '/** A file. */', true],
  ['a.ts', "import { b } from './b.ts';\n// A file.", false],
  ['a.test.ts', '// @module-tag sweep\nimport b;', false],
  ['a.wgsl', 'import package::b::{\n  c\n};\nenable subgroups;\n\n// A shader.', true],
  ['a.wgsl', '@if(NORM) import package::b::c;\n\n// A shader.', true],
  ['a.wgsl', '@if(SUBGROUPS) enable subgroups;\n\n// A shader.', true],
  ['a.wgsl', 'import package::b::c;\n\noverride LANES: u32;\n// A shader.', false],
])('%s with %j opens with one: %s', (path, text, opened) => {
  expect(isOpened(path, text)).toBe(opened);
});
