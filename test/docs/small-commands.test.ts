// The commands of the benchmark's page that read or write files of each other, executed in their order in one folder: with fewer
// requests and tokens.
// @module-tag sweep
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runShell } from '../support/run-shell.ts';
import { ROOT, shellLines } from './documents.ts';
import { isRunInSmall } from './execution.ts';

/** Values of flags in small. */
const SMALLER: readonly (readonly [flag: RegExp, small: string])[] = [
  [/--num-requests \d+/, '--num-requests 3'],
  [/--max-new-tokens \d+/, '--max-new-tokens 4'],
  [/--request-rate [\d.]+/, '--request-rate 50'],
  [/--output-len \S+/, '--output-len 2-4'],
];
/** Flags of a benchmark of the engine that has none for its size. */
const FEW_REQUESTS = '--num-requests 3';
const FEW_TOKENS = '--max-new-tokens 4';

function inSmall(line: string): string {
  const small = SMALLER.reduce((text, [flag, value]) => text.replace(flag, value), line);
  if (!small.startsWith('npx node bench/run.ts')) return small;
  const parts = [small, '--warmup 0'];
  if (!small.includes('--num-requests')) parts.push(FEW_REQUESTS);
  if (!small.includes('--max-new-tokens') && !small.includes('--output-len')) parts.push(FEW_TOKENS);
  return parts.join(' ');
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'roseinfer-commands-'));
  symlinkSync(join(ROOT, 'bench'), join(directory, 'bench'));
});

afterAll(() => rmSync(directory, { recursive: true }));

const lines = shellLines.filter(({ place, line }) => isRunInSmall(place, line)).map(({ line }) => line);

describe('does what the page says:', () => {
  test.each([...new Set(lines)])('%s', (line) => {
    const { status, stdout, stderr } = runShell(inSmall(line), directory);
    expect({ line, status }, stderr).toEqual({ line, status: 0 });
    expect(stdout.trim()).not.toBe('');
    const [, file] = /--(?:json|record) (\S+)/.exec(line) ?? [];
    if (file !== undefined) expect(statSync(join(directory, file)).size).toBeGreaterThan(0);
  });
});

test('there are such commands, and files that one leaves for the next', () => {
  expect(lines.length).toBeGreaterThan(5);
  expect(['before.json', 'after.json', 'run.jsonl'].filter((file) => !existsSync(join(directory, file)))).toEqual([]);
});

test('a command is made small where it says how much, and where it does not', () => {
  expect(inSmall('npx node bench/run.ts --num-requests 8 --seed 1')).toBe(
    'npx node bench/run.ts --num-requests 3 --seed 1 --warmup 0 --max-new-tokens 4',
  );
  expect(inSmall('npx node bench/simulate.ts --replay run.jsonl')).toBe(
    'npx node bench/simulate.ts --replay run.jsonl',
  );
});
