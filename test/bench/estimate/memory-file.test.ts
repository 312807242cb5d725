// The file of the shaders' use of memory: its rows, their comparison with what was compiled, and rows that are refused.
import { expect, test } from 'vitest';
import {
  compareMemory,
  formatMemory,
  MemoryFileError,
  type MemoryTable,
  parseMemory,
  readMemory,
} from '../../../bench/estimate/memory-file.ts';

const use = (waits: number, inFlight: number, words: number) => ({ waits, inFlight, words });
const LOOPS = { outside: use(2, 16, 24), loops: [use(1, 1, 1), use(1, 3, 3)] };
const NO_LOOPS = { outside: use(1, 2, 2), loops: [] };
const table = (shaders: MemoryTable['shaders']) => ({ driver: 'radv: Mesa 25.0.7', shaders });
const TABLE = table(
  new Map([
    ['layernorm[WIDE LANES=32]', LOOPS],
    ['embed', NO_LOOPS],
  ]),
);

test('the file says the same when it is read as when it was written', () => {
  expect(parseMemory(formatMemory(TABLE))).toEqual(TABLE);
});

test('a shader that changed, one that came and one that went are differences', () => {
  expect(compareMemory(TABLE, TABLE)).toEqual([]);
  const others = table(
    new Map([
      ['layernorm[WIDE LANES=32]', { ...LOOPS, loops: [use(1, 1, 1), use(2, 3, 3)] }],
      ['gather_rows', NO_LOOPS],
    ]),
  );
  expect(compareMemory(others, TABLE)).toEqual([
    'navi31, layernorm[WIDE LANES=32]: memory 2/16/24  1/1/1  2/3/3, in shader-memory.txt 2/16/24  1/1/1  1/3/3',
    'navi31, gather_rows: memory 1/2/2, in shader-memory.txt absent',
    'navi31, embed: memory absent, in shader-memory.txt 1/2/2',
  ]);
});

test.each([
  ['another head', (text: string) => text.replace('navi31', 'navi10')],
  ['a cell that is not three numbers', (text: string) => text.replace('1/2/2', '1/2')],
  ['a row without a cell', (text: string) => text.replace('  1/2/2', '')],
])('%s is refused', (_, change) => {
  const text = formatMemory(TABLE);
  expect(change(text)).not.toBe(text);
  expect(() => parseMemory(change(text))).toThrow(MemoryFileError);
});

test('the file of the project can be read', () => {
  const { driver, shaders } = readMemory();
  expect(driver).toMatch(/^radv: Mesa \d/);
  expect(shaders.size).toBeGreaterThan(50);
});
