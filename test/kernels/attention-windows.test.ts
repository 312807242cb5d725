// Attention whose rows see a window of keys: right by float64, with the bits of a row alone however others shift what is skipped,
// and nothing read before the window.
import { describe, expect, test } from 'vitest';
import { REDUCTION_CLASSES } from '../../src/gpu/reduction.ts';
import { attention, attentionFold, type attentionSplit } from '../../src/kernels/attention/attention.ts';
import { expectedAttention } from '../../src/kernels/attention/expected.ts';
import {
  type AttentionShape,
  AttentionStep,
  randomSequence,
  type SequenceData,
} from '../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import { runSplit, runWhole } from '../support/kernels/attention-case.ts';
import '../../src/testing/vitest.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';

/** Queries at the end of the context whose bits are compared: more than two tiles of them. */
const QUERIES = 19;
/** First keys that the first query sees: around the ends of the splits of both classes. */
const STARTS = [63, 64, 65, 255, 256, 257];
/** Keys of a window, of which the first tile and the last are seen in part. */
const WINDOW = 75;

/** The queries from `from` on, of those up to `to`, as a chunk of their own. */
function chunk({ context, queries, q, k, v }: SequenceData, from: number, to: number, C: number, keys: number) {
  const end = context - queries + to;
  return {
    context: end,
    queries: to - from,
    q: q.subarray(from * C, to * C),
    k: k.subarray(0, end * keys),
    v: v.subarray(0, end * keys),
  };
}

/** Puts NaN where the first of the queries does not see any more. */
function poison(step: AttentionStep, window: number): void {
  const nan = new Float32Array(Math.max(...step.sequences.map(({ context }) => context)) * step.keyChannels).fill(
    Number.NaN,
  );
  for (const [i, { context, queries }] of step.sequences.entries()) {
    for (let j = 0; j < context - queries + 1 - window; j++) step.putKey(i, j, nan, nan);
  }
}

describe.each(REDUCTION_CLASSES)('reduction class %s:', (reduction) => {
  const devices = new TestDevices({ reduction });
  const sums = REDUCTIONS[reduction];

  /** Steps of one sequence in chunks of some queries, and the rows of out[T, C] that each gives. */
  function inChunks(shape: AttentionShape, sequence: SequenceData, size: number): AttentionStep[] {
    const [C, keys] = [shape.G * (shape.SHARE ?? 1) * shape.D, shape.G * shape.D];
    return Array.from({ length: Math.ceil(sequence.queries / size) }, (_, i) => {
      const to = Math.min((i + 1) * size, sequence.queries);
      return new AttentionStep(shape, [chunk(sequence, i * size, to, C, keys)], i + 2);
    });
  }

  async function checkWindow(
    shape: AttentionShape & { readonly window: number },
    first: number,
    rows: readonly number[],
    kernels: {
      readonly split?: typeof attentionSplit;
      readonly fold?: typeof attentionFold;
      whole?: typeof attention;
    } = {},
  ): Promise<void> {
    const sequence = randomSequence(shape, { context: first + shape.window + QUERIES - 1, queries: QUERIES }, first);
    const step = new AttentionStep(shape, [sequence]);
    // Skipped splits hold NaN, as blocks that were given back may.
    poison(step, shape.window);
    const { want, tolerance } = expectedAttention(step);
    const words = await runWhole(devices.auto, step, { ROWS: 8 }, kernels.whole);
    expect(floatsOf(words)).toBeWithin(want, tolerance, { label: `window from ${first} on` });
    expect(await runSplit(devices.auto, step, {}, kernels)).toEqualBits(words, { label: 'in splits' });
    for (const ROWS of rows) {
      expect(await runWhole(devices.auto, step, { ROWS }, kernels.whole)).toEqualBits(words, { label: `${ROWS} rows` });
    }
    for (const size of [1, 8]) {
      let start = 0;
      for (const part of inChunks(shape, sequence, size)) {
        // A row alone skips what its neighbours made it mask.
        poison(part, shape.window);
        const got = await runWhole(devices.auto, part, { ROWS: size }, kernels.whole);
        expect(got).toEqualBits(words.subarray(start, start + got.length), {
          label: `chunks of ${size}, from word ${start} on`,
        });
        start += got.length;
      }
    }
  }

  test.each(STARTS)('windows that begin at key %i are right, in splits, tiles and chunks alike', (first) =>
    checkWindow({ G: 1, D: 12, P: 4, dtype: 'f32', sums, window: WINDOW }, first, [1]),
  );

  test('so they are of heads that share keys, in f16, and of several splits and groups', () =>
    checkWindow({ G: 2, SHARE: 3, D: 20, P: 5, dtype: 'f16', sums, window: 1000 }, 129, [4]));

  test.each([1, 2, 32])('a window of %i keys', (window) =>
    checkWindow({ G: 2, SHARE: 3, D: 20, P: 5, dtype: 'f16', sums, window }, 64, [4]),
  );

  test('windows of heads whose workgroups are filled in part', { tags: ['slow'] }, async () => {
    for (const window of [1, 2, 32]) {
      await checkWindow({ G: 1, SHARE: 7, D: 8, P: 16, dtype: 'f32', sums, window }, 64, [2, 4]);
    }
  });

  test('a window that no context fills changes no bit', async () => {
    const shape = { G: 2, D: 12, P: 16, dtype: 'f32', sums } as const;
    const sequence = randomSequence(shape, { context: 300, queries: QUERIES }, 3);
    const [all, wide] = [shape, { ...shape, window: 300 }].map((each) => new AttentionStep(each, [sequence]));
    const words = await runWhole(devices.auto, all!, { ROWS: 8 });
    expect(await runWhole(devices.auto, wide!, { ROWS: 8 })).toEqualBits(words, { label: 'tiles' });
    expect(await runSplit(devices.auto, wide!)).toEqualBits(words, { label: 'splits' });
  });

  test('windows of no key, and beyond what distances wrap around to, are refused', async () => {
    const shape = { G: 1, D: 4, P: 16, dtype: 'f32', sums } as const;
    const step = (window: number) => AttentionStep.random({ ...shape, window }, [{ context: 3, queries: 3 }]);
    await expect(runWhole(devices.auto, step(0), { ROWS: 1 })).rejects.toThrow(
      'attention: window is 0, expected 1 to 2147483648',
    );
    await expect(runSplit(devices.auto, step(2 ** 31 + 1))).rejects.toThrow('attention_split: window is 2147483649');
  });

  // The lines of these faults are those of both classes.
  const ofFaults = { tags: reduction === 'gpu' ? ['slow'] : [] };
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'a window of one key too many', changes: [['- key < params.window', '- key <= params.window']] },
    {
      fault: 'a workgroup that begins a key late',
      changes: [['let first = seen - min(seen,', 'let first = seen + 1u - min(seen,']],
    },
    {
      fault: 'a workgroup that begins with the window of its last row',
      changes: [['position + first_row / SHARE + 1u;', 'position + last_row / SHARE + 1u;']],
    },
  ])('the check finds $fault', ofFaults, async ({ changes }) => {
    const shape = { G: 1, D: 12, P: 4, dtype: 'f32', sums, window: WINDOW } as const;
    const faulty = mutant(attention, changes);
    await expect(checkWindow(shape, 64, [], { whole: faulty })).rejects.toThrow(/element|words differ/);
  });

  test('the check finds a fold that begins a split late', ofFaults, async () => {
    const shape = { G: 1, D: 12, P: 4, dtype: 'f32', sums, window: WINDOW } as const;
    const fold = mutant(attentionFold, [['params.window)) / SPLIT_KEYS;', 'params.window)) / SPLIT_KEYS + 1u;']]);
    await expect(checkWindow(shape, 64, [], { fold })).rejects.toThrow(/in splits/);
  });
});
