// The turns of loops: waits of whole dispatches against sums by hand, and code whose loops are not those declared.
import { describe, expect, test } from 'vitest';
import { blocksOf, FOLD, MATMUL, SPLIT } from './excerpts.ts';
import { kOfLane, UnknownLoopsError, waitsOf } from './loop-work.ts';

const launch = (kernel: string, sizes: Record<string, number>) => ({ label: `${kernel}[…]`, kernel, sizes });
const fold = { blocks: blocksOf(FOLD) };
/** Loads of four words each, eight of them before a wait. */
const EIGHT_QUADS = `${'\tbuffer_load_b128 v[4:7], v4, s[16:19], 0 offen\n'.repeat(8)}\ts_waitcnt vmcnt(0)\n`;
/** An entry of the block table, 64 components of a key and 32 quads of values in place of the fold's one word. */
const split = {
  blocks: blocksOf(
    FOLD.replace(/\tbuffer_load_b32 .*\n/, (entry) => `${entry}\ts_waitcnt vmcnt(0)\n${EIGHT_QUADS.repeat(2 + 4)}`),
  ),
};
const matmul = { blocks: blocksOf(MATMUL) };

describe('the waits of a dispatch', () => {
  test('of a matmul are a turn for each four k, and those of the bias', () => {
    // 8 rows over 8 lanes: four k are 2 · 4 words of w and 4 of x, the 12 of the loop.
    const sizes = { K: 768, ROWS: 8, TILES: 1, X_LANES: 8, QUADS: 0 };
    expect(waitsOf(launch('matmul', sizes), matmul, 64)).toEqual({ inLoops: [192], total: 194 });
  });

  test('are those of four k a row that shares a lane with fewer', () => {
    // 2 rows: 16 k a turn, of which a lane loads 32 words of w and 4 of x.
    const turn = MATMUL.slice(MATMUL.indexOf('BB4:'), MATMUL.indexOf('\ts_branch BB1'));
    const load = '\tbuffer_load_dwordx4 v[36:39], v36, s[16:19], 0 offen\n';
    const ofTwoRows = MATMUL.replace(turn, `BB4:\n${load.repeat(9)}\ts_waitcnt vmcnt(0)\n`);
    const sizes = { K: 768, ROWS: 2, TILES: 1, X_LANES: 8, QUADS: 0 };
    expect(waitsOf(launch('matmul', sizes), { blocks: blocksOf(ofTwoRows) }, 64).inLoops).toEqual([48]);
  });

  test('of a matmul whose lanes lie over k are those of its rounds of chunks', () => {
    // 12 chunks of 32 k a round, 8 lanes a chunk: of it a lane loads 16 · 4 words of w and 2 · 4 of x for two rows.
    const turn = MATMUL.slice(MATMUL.indexOf('BB4:'), MATMUL.indexOf('\ts_branch BB1'));
    const load = '\tbuffer_load_dwordx4 v[36:39], v36, s[16:19], 0 offen\n';
    const ofChunks = MATMUL.replace(turn, `BB4:\n${load.repeat(18)}\ts_waitcnt vmcnt(0)\n`);
    const sizes = { K: 800, ROWS: 2, QUADS: 8, CHUNK: 32, LANES: 96 };
    expect(waitsOf(launch('matmul', sizes), { blocks: blocksOf(ofChunks) }, 64).inLoops).toEqual([3]);
    expect(kOfLane(sizes)).toBe(3 * 32);
  });

  test('of attention are those of each 64 keys that lie side by side', () => {
    const sizes = { W: 64, LANES: 64, SPLIT_KEYS: 64 };
    const perSpan = 1 + 2 + 4;
    expect(waitsOf(launch('attention_split', sizes), split, 64).total).toBe(perSpan);
    expect(waitsOf(launch('attention_split', sizes), split, 1000).total).toBe(perSpan);
    expect(waitsOf(launch('attention', sizes), split, 65).total).toBe(2 * perSpan);
    expect(waitsOf(launch('attention', sizes), split, 1000).total).toBe(16 * perSpan);
  });

  test('of the fold are one for the splits that are loaded together', () => {
    expect(waitsOf(launch('attention_fold', { SPLIT_KEYS: 256, LOADS: 1 }), fold, 1000)).toEqual({
      inLoops: [4],
      total: 4,
    });
  });

  test('of the sampler are those of its first pass', () => {
    // 50 turns for each of the 4 strips of a lane; other loops filter, which the most likely id needs not.
    expect(waitsOf(launch('sample', { V: 50257, LANES: 256, LOADS: 1 }), fold, 64).total).toBe(200);
    const filters = blocksOf(FOLD + SPLIT.replaceAll('BB', 'BB1'));
    expect(waitsOf(launch('sample', { V: 50257, LANES: 256, LOADS: 1 }), { blocks: filters }, 64).inLoops).toEqual([
      200,
    ]);
  });
});

describe('code is refused', () => {
  test('of a kernel whose loops nobody declared', () => {
    expect(() => waitsOf(launch('rms_norm', {}), fold, 64)).toThrow(
      new UnknownLoopsError('rms_norm[…]: loop-work.ts does not declare the loops of rms_norm'),
    );
  });

  test('with more or fewer loops that wait than are declared', () => {
    expect(() => waitsOf(launch('embed', {}), fold, 64)).toThrow('embed[…]: the loops that wait for memory are [BB2]');
    expect(() => waitsOf(launch('layernorm', { C: 768 }), fold, 64)).toThrow('expected the 3 declared');
  });

  test('with a loop that loads other words than are declared', () => {
    const more = FOLD.replace('\tbuffer_load_b32', '\tbuffer_load_b64');
    expect(() =>
      waitsOf(launch('attention_fold', { SPLIT_KEYS: 256, LOADS: 1 }), { blocks: blocksOf(more) }, 64),
    ).toThrow('attention_fold[…]: the loop at BB2 loads 2 words a turn, expected the 1 declared');
  });

  test('of a dispatch that lacks a size', () => {
    expect(() => waitsOf(launch('matmul', { TILES: 1, ROWS: 1, QUADS: 0 }), matmul, 64)).toThrow(
      'matmul[…]: has no size X_LANES',
    );
  });
});
