// Attention whose query heads share heads of keys and values: the bits of query heads that have copies of their own.
import { describe, expect, test } from 'vitest';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { attention } from '../../src/kernels/attention/attention.ts';
import { expectedAttention } from '../../src/kernels/attention/expected.ts';
import {
  type AttentionShape,
  AttentionStep,
  type SequenceData,
  type Span,
} from '../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import { runSplit, runTiles, runWhole } from '../support/kernels/attention-case.ts';
import '../../src/testing/vitest.ts';
import { mutant } from '../support/kernels/mutant.ts';

type SharedShape = AttentionShape & { readonly SHARE: number };

/** Decode rows, a chunk whose query tiles are not full, and contexts of two splits and, in the class gpu, two groups. */
const SPANS: Readonly<Record<ReductionClass, readonly Span[]>> = {
  software: [
    { context: 33, queries: 1 },
    { context: 261, queries: 7 },
  ],
  gpu: [
    { context: 33, queries: 1 },
    { context: 69, queries: 7 },
    { context: 1030, queries: 1 },
  ],
};

const CASES = [
  { SHARE: 2, dtype: 'f32', rows: [1, 4, 8], constants: {} },
  { SHARE: 3, dtype: 'f16', rows: [4, 8], constants: { SUBGROUPS: 0 } },
  { SHARE: 7, dtype: 'f32', rows: [4, 8], constants: {} },
] as const;

/** The heads [T, G, D] of keys or values, each SHARE times. */
function copied(data: Float32Array, { G, SHARE, D }: SharedShape): Float32Array {
  const heads = Array.from({ length: data.length / D }, (_, i) => data.subarray(i * D, (i + 1) * D));
  expect(heads.length % G).toBe(0);
  return Float32Array.from(heads.flatMap((head) => Array.from({ length: SHARE }, () => [...head]).flat()));
}

/** The step whose query heads have keys and values of their own. */
function apart(shape: SharedShape, sequences: readonly SequenceData[]): AttentionStep {
  const copies = sequences.map(({ k, v, ...others }) => ({ ...others, k: copied(k, shape), v: copied(v, shape) }));
  return new AttentionStep({ ...shape, G: shape.G * shape.SHARE, SHARE: 1 }, copies, 5);
}

describe.each(REDUCTION_CLASSES)('reduction class %s:', (reduction) => {
  const devices = new TestDevices({ reduction });
  const sums = REDUCTIONS[reduction];
  /** Rows of the workgroups of splits: the class software has one, the class gpu any. */
  const rowsOfSplits = (ROWS: number) => (reduction === 'gpu' ? ROWS : 1);

  // Heads that fill workgroups, in part and with some over, in tiles of a token and of several.
  for (const { SHARE, dtype, rows, constants } of CASES) {
    // One case in the class whose programs are larger: that of heads which are some over in every workgroup.
    const tags = reduction === 'gpu' && SHARE !== 3 ? ['slow'] : [];
    const title = `${SHARE} query heads that share a head of keys, in ${dtype}, have the bits of heads apart`;
    test(title, { tags }, async () => {
      const shape = { G: 2, SHARE, D: 12, P: 5, dtype, sums };
      const step = AttentionStep.random(shape, SPANS[reduction]);
      const words = await runWhole(devices.auto, apart(shape, step.sequences), { ROWS: 1 });
      const { want, tolerance } = expectedAttention(step);
      expect(floatsOf(words)).toBeWithin(want, tolerance, { label: 'heads apart' });
      for (const ROWS of rows) {
        expect(await runWhole(devices.auto, step, { ...constants, ROWS })).toEqualBits(words, {
          label: `tiles, ${ROWS} rows`,
        });
        const splits = await runSplit(devices.auto, step, { ...constants, ROWS: rowsOfSplits(ROWS) });
        expect(splits).toEqualBits(words, { label: `splits, ${ROWS} rows` });
      }
      const tokens = { tiles: step.tiles(1), tileTokens: 1, first: 0, count: step.numTokens };
      const ofTokens = await runTiles(devices.auto, step, { ROWS: 4 }, tokens);
      expect(ofTokens).toEqualBits(words, { label: 'tiles of a token' });
    });
  }

  test('the check finds heads that take the keys of a neighbour', async () => {
    const shape = { G: 2, SHARE: 2, D: 12, P: 5, dtype: 'f32', sums } as const;
    const step = AttentionStep.random(shape, SPANS[reduction]);
    const words = await runWhole(devices.auto, apart(shape, step.sequences), { ROWS: 1 });
    const faulty = mutant(attention, [['2u * params.G + queries.head)', '2u * params.G + 1u - queries.head)']]);
    const got = await runWhole(devices.auto, step, { ROWS: 4 }, faulty);
    expect(() => expect(got).toEqualBits(words, { label: 'neighbours' })).toThrow('words differ');
  });
});
