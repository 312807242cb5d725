// The turns of loops: waits of whole dispatches against sums by hand, and code whose loops are not those declared.
import { describe, expect, test } from 'vitest';
import { kOfLane, UnknownLoopsError, waitsOf } from '../../bench/estimate/loop-work.ts';
import { blocksOf, FOLD, MATMUL, SPLIT } from './excerpts.ts';
import { memoryOf } from './loops.ts';

const launch = (kernel: string, sizes: Record<string, number>) => ({ label: `${kernel}[…]`, kernel, sizes });
/** Weights of f16. */
const F16 = { W_F16: 1, W_Q8: 0, W_Q8_32: 0, W_Q4: 0 };
const fold = memoryOf(blocksOf(FOLD));
/** Loads of four words each, eight of them before a wait. */
const EIGHT_QUADS = `${'\tbuffer_load_b128 v[4:7], v4, s[16:19], 0 offen\n'.repeat(8)}\ts_waitcnt vmcnt(0)\n`;
/** An entry of the block table, 64 components of a key and 32 quads of values in place of the fold's one word. */
const split = memoryOf(
  blocksOf(
    FOLD.replace(/\tbuffer_load_b32 .*\n/, (entry) => `${entry}\ts_waitcnt vmcnt(0)\n${EIGHT_QUADS.repeat(2 + 4)}`),
  ),
);
const matmul = memoryOf(blocksOf(MATMUL));

describe('the waits of a dispatch', () => {
  test('of a matmul are a turn for each four k, and those of the bias', () => {
    // 8 rows over 8 lanes: four k are 2 · 4 words of w and 4 of x, the 12 of the loop.
    const sizes = { K: 768, ROWS: 8, TILES: 1, X_LANES: 8, K_TILE: 0, QUADS: 0, ...F16 };
    expect(waitsOf(launch('matmul', sizes), matmul, 64)).toEqual({ inLoops: [192], total: 194 });
  });

  test('are those of four k a row that shares a lane with fewer', () => {
    // 2 rows: 16 k a turn, of which a lane loads 32 words of w and 4 of x.
    const turn = MATMUL.slice(MATMUL.indexOf('BB4:'), MATMUL.indexOf('\ts_branch BB1'));
    const load = '\tbuffer_load_dwordx4 v[36:39], v36, s[16:19], 0 offen\n';
    const ofTwoRows = MATMUL.replace(turn, `BB4:\n${load.repeat(9)}\ts_waitcnt vmcnt(0)\n`);
    const sizes = { K: 768, ROWS: 2, TILES: 1, X_LANES: 8, K_TILE: 0, QUADS: 0, ...F16 };
    expect(waitsOf(launch('matmul', sizes), memoryOf(blocksOf(ofTwoRows)), 64).inLoops).toEqual([48]);
  });

  test('of a matmul whose lanes lie over k are those of its rounds of chunks', () => {
    // 12 chunks of 32 k a round, 8 lanes a chunk: of it a lane loads 16 · 4 words of w and 2 · 4 of x for two rows.
    const turn = MATMUL.slice(MATMUL.indexOf('BB4:'), MATMUL.indexOf('\ts_branch BB1'));
    const load = '\tbuffer_load_dwordx4 v[36:39], v36, s[16:19], 0 offen\n';
    const ofChunks = MATMUL.replace(turn, `BB4:\n${load.repeat(18)}\ts_waitcnt vmcnt(0)\n`);
    const sizes = { K: 800, ROWS: 2, QUADS: 8, K_TILE: 0, CHUNK: 32, LANES: 96, ...F16 };
    expect(waitsOf(launch('matmul', sizes), memoryOf(blocksOf(ofChunks)), 64).inLoops).toEqual([3]);
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

  test('of attention are the same where the compiler left loops over values and keys', () => {
    // Two spans of 64 keys, and in each two turns over 32 values, or four and one over the 32 words of a key.
    const use = (waits: number, words: number) => ({ waits, inFlight: 1, words });
    const outside = use(1, 4);
    const decode = { outside, loops: [use(2, 33), use(1, 64)] };
    const sizes = { W: 32, LANES: 64, LOADS: 16 };
    expect(waitsOf(launch('attention', sizes), decode, 65)).toEqual({ inLoops: [4, 4], total: 9 });
    const prefill = { outside, loops: [use(1, 1), use(1, 32), use(1, 32)] };
    expect(waitsOf(launch('attention', { ...sizes, LOADS: 8 }), prefill, 65)).toEqual({
      inLoops: [2, 2, 8],
      total: 13,
    });
  });

  test('of a matmul that shares tiles are one for each slice, and a turn that adds the last', () => {
    // 16 k a slice of 64 columns: a lane loads 4 words of x, of f16 weights 4 words, of q8 as many and 4 scales.
    const sizes = { K: 768, ROWS: 4, TILES: 2, K_TILE: 16, QUADS: 0, LANES: 256 };
    const slices = (words: number) => ({
      outside: { waits: 1, inFlight: 1, words: 4 },
      loops: [{ waits: 1, inFlight: 2, words }],
    });
    const ofF16 = launch('matmul', { ...sizes, ...F16 });
    expect(waitsOf(ofF16, slices(8), 512)).toEqual({ inLoops: [49], total: 50 });
    expect(waitsOf(launch('matmul', { ...sizes, W_F16: 0, W_Q8: 1, W_Q8_32: 0, W_Q4: 0 }), slices(12), 512).total).toBe(
      50,
    );
    expect(() => waitsOf(ofF16, slices(12), 512)).toThrow('loads 12 words a turn, expected the 8 declared');
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
    expect(waitsOf(launch('sample', { V: 50257, LANES: 256, LOADS: 1 }), memoryOf(filters), 64).inLoops).toEqual([200]);
  });
});

describe('code is refused', () => {
  test('of a kernel whose loops are not declared', () => {
    expect(() => waitsOf(launch('rms_norm', {}), fold, 64)).toThrow(
      new UnknownLoopsError('rms_norm[…]: loop-work.ts does not declare the loops of rms_norm'),
    );
  });

  test('with more or fewer loops that wait than are declared', () => {
    expect(() => waitsOf(launch('embed', {}), fold, 64)).toThrow(
      'embed[…]: loops that wait for memory are 1 (1 words in 1 waits), expected the 0 declared',
    );
    expect(() => waitsOf(launch('layernorm', { C: 768 }), fold, 64)).toThrow('expected the 3 declared');
  });

  test('with a loop that loads other words than are declared', () => {
    const more = FOLD.replace('\tbuffer_load_b32', '\tbuffer_load_b64');
    expect(() =>
      waitsOf(launch('attention_fold', { SPLIT_KEYS: 256, LOADS: 1 }), memoryOf(blocksOf(more)), 64),
    ).toThrow('attention_fold[…]: loop 1 of those that wait loads 2 words a turn, expected the 1 declared');
  });

  test('of a dispatch that lacks a size', () => {
    expect(() => waitsOf(launch('matmul', { TILES: 1, ROWS: 1, K_TILE: 0, QUADS: 0, ...F16 }), matmul, 64)).toThrow(
      'matmul[…]: has no size X_LANES',
    );
  });
});
