// Commands and flags in the documents exist, and every flag is documented.
// @module-tag sweep
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faultOf, flagsOf } from './commands.ts';
import { type Document, ROOT, readDocument, shellLines } from './documents.ts';

/** Flags in the first column of a text's tables. */
function tabulatedFlags(text: string): string[] {
  const rows = [...text.matchAll(/^\| (`--[^|]*) \|/gm)];
  return rows.flatMap(([, cell = '']) => [...cell.matchAll(/`(--[\w-]+)`/g)].map(([, flag = '']) => flag));
}

/** The text under a heading of the second level; for null the text before the first one. */
function section({ prose }: Document, title: string | null): string {
  const parts = prose.split(/^## /m);
  return title === null ? (parts[0] ?? '') : (parts.find((part) => part.startsWith(`${title}\n`)) ?? '');
}

test.each(shellLines)('$line', ({ line }) => expect(faultOf(line)).toBeNull());

test.each([
  ['npm run benchmark', 'package.json has no script benchmark'],
  ['npm test && npx node bench/gone.ts', 'bench/gone.ts does not exist'],
  ['npx node bench/run.ts --requests 3', '--requests is no flag'],
  ['npm run test:fuzz -- --counts 3', '--counts is no flag'],
  ['npx roseinfer generate --prompts "a"', '--prompts is no flag'],
  ['npx vitest run test/gone', 'test/gone does not exist'],
  ['npm install ../roseinfer-0.0.0.tgz', 'the version is '],
  ['make', 'unknown command'],
])('finds what is wrong with %s', (line, fault) => expect(faultOf(line)).toContain(fault));

describe('docs/benchmark.md', () => {
  const document = readDocument('docs/benchmark.md');
  const shared = tabulatedFlags(section(document, null));
  const scripts = readdirSync(join(ROOT, 'bench')).filter((name) => flagsOf(`bench/${name}`).has('--help'));

  test('has a section for each script', () => {
    for (const name of scripts) expect(section(document, `bench/${name}`)).not.toBe('');
  });

  test.each(scripts)('lists the flags of %s and no others', (name) => {
    const own = tabulatedFlags(section(document, `bench/${name}`));
    // They say that the flags of an open loop, and of the engine or the sampling, are those of run.ts.
    const borrowed = ['simulate.ts', 'serve.ts'].includes(name)
      ? tabulatedFlags(section(document, 'bench/run.ts'))
      : [];
    const flags = flagsOf(`bench/${name}`);
    expect(own.filter((flag) => !flags.has(flag))).toEqual([]);
    const documented = [...own, ...shared, ...borrowed];
    expect([...flags].filter((flag) => !documented.includes(flag))).toEqual([]);
  });
});

test('docs/doctor.md lists the flags of the doctor', () => {
  const listed = tabulatedFlags(readDocument('docs/doctor.md').prose);
  expect(['--help', ...listed].toSorted()).toEqual([...flagsOf('src/cli/roseinfer.js', 'doctor')].toSorted());
});
