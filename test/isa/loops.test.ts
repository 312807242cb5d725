// Loops and waits for memory in excerpts of machine code, counted by hand.
import { describe, expect, test } from 'vitest';
import { blocksOf, FOLD, MATMUL, SPLIT } from './excerpts.ts';
import { loopsOf, memoryOf, memoryUse } from './loops.ts';

const LOAD = 'buffer_load_b32 v4, v4, s[16:19], 0 offen';
const WIDE_LOAD = 'global_load_dwordx4 v[4:7], v[8:9], off';
const wait = (left: number) => `s_waitcnt vmcnt(${left})`;

describe('use of memory', () => {
  test.each([
    ['a wait for each load', [LOAD, wait(0), LOAD, wait(0)], { waits: 2, inFlight: 1, words: 2 }],
    ['a wait for two loads', [LOAD, LOAD, wait(0)], { waits: 1, inFlight: 2, words: 2 }],
    [
      'loads that come in one after another',
      [LOAD, LOAD, LOAD, wait(2), wait(1), wait(0)],
      { waits: 1, inFlight: 3, words: 3 },
    ],
    ['a window that slides', [LOAD, LOAD, wait(1), LOAD, wait(1), LOAD, wait(1)], { waits: 3, inFlight: 2, words: 4 }],
    [
      'a wait for what is there already',
      [LOAD, wait(0), wait(0), LOAD, wait(1), wait(0)],
      { waits: 2, inFlight: 1, words: 2 },
    ],
    ['loads of four words', [WIDE_LOAD, WIDE_LOAD, wait(0)], { waits: 1, inFlight: 2, words: 8 }],
    [
      'loads of less than a word',
      ['buffer_load_ushort v1, v1, s[0:3], 0', wait(0)],
      { waits: 1, inFlight: 1, words: 1 },
    ],
    ['a load that is waited for later', [LOAD], { waits: 1, inFlight: 1, words: 1 }],
    [
      'stores and loads of scalars',
      ['buffer_store_b32 v3, v0, s[0:3], 0', 's_buffer_load_b32 s1, s[4:7], s2', wait(0)],
      { waits: 0, inFlight: 0, words: 0 },
    ],
    [
      'a wait for workgroup memory',
      [LOAD, 's_waitcnt lgkmcnt(0)', LOAD, 's_waitcnt vmcnt(0) & lgkmcnt(0)'],
      { waits: 1, inFlight: 2, words: 2 },
    ],
  ])('%s', (_, lines, expected) => {
    expect(memoryUse(lines)).toEqual(expected);
  });
});

describe('loops', () => {
  test('lie inside each other, and what is in an inner one belongs to it alone', () => {
    const loops = loopsOf(blocksOf(SPLIT));
    expect(loops.map(({ label, isInnermost, memory }) => [label, isInnermost, memory])).toEqual([
      ['BB25', false, { waits: 0, inFlight: 0, words: 0 }],
      ['BB29', false, { waits: 1, inFlight: 1, words: 1 }],
      ['BB33', true, { waits: 1, inFlight: 1, words: 4 }],
      ['BB38', true, { waits: 1, inFlight: 1, words: 4 }],
    ]);
    const { outside, loops: waiting } = memoryOf(blocksOf(SPLIT));
    expect(outside).toEqual({ waits: 2, inFlight: 1, words: 2 });
    expect(waiting.map(({ words }) => words)).toEqual([1, 4, 4]);
  });

  test('may issue several loads before they wait', () => {
    expect(loopsOf(blocksOf(MATMUL)).map(({ memory }) => memory)).toEqual([{ waits: 1, inFlight: 3, words: 12 }]);
    expect(memoryOf(blocksOf(MATMUL)).outside).toEqual({ waits: 2, inFlight: 1, words: 2 });
  });

  test('reach to the last jump back', () => {
    const [loop] = loopsOf(
      blocksOf(FOLD.replace('s_nop 0', 's_cbranch_scc0 BB11').replace('s_endpgm', 's_branch BB2')),
    );
    expect(loop).toMatchObject({ label: 'BB2', isInnermost: true });
    expect(loop!.lines.at(-1)).toBe('s_branch BB2');
    expect(loop!.lines).toContain('buffer_store_b32 v3, v0, s[12:15], 0 offen');
  });
});
