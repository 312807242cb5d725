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
import { runSplit, runWhole } from '../support/kernels/attention-case.ts';
import { expectSameBits, expectWithin } from '../support/kernels/expect-within.ts';
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

/** The heads [T, H, D] of keys or values, each SHARE times. */
function copied(data: Float32Array, { H, SHARE, D }: SharedShape): Float32Array {
  const heads = Array.from({ length: data.length / D }, (_, i) => data.subarray(i * D, (i + 1) * D));
  expect(heads.length % H).toBe(0);
  return Float32Array.from(heads.flatMap((head) => Array.from({ length: SHARE }, () => [...head]).flat()));
}

/** The step whose query heads have keys and values of their own. */
function apart(shape: SharedShape, sequences: readonly SequenceData[]): AttentionStep {
  const copies = sequences.map(({ k, v, ...others }) => ({ ...others, k: copied(k, shape), v: copied(v, shape) }));
  return new AttentionStep({ ...shape, H: shape.H * shape.SHARE, SHARE: 1 }, copies, 5);
}

describe.each(REDUCTION_CLASSES)('reduction class %s:', (reduction) => {
  const devices = new TestDevices({ reduction });
  const sums = REDUCTIONS[reduction];
  /** Rows of a decode row's tile: those of all heads that share keys, or of one. */
  const rowsOf = (SHARE: number) => (reduction === 'gpu' ? SHARE : 1);

  test.each([
    { SHARE: 2, dtype: 'f32', constants: {} },
    { SHARE: 4, dtype: 'f16', constants: { SUBGROUPS: 0 } },
  ] as const)(
    '$SHARE query heads that share a head of keys, in $dtype, have the bits of heads apart',
    async ({ SHARE, dtype, constants }) => {
      const shape = { H: 2, SHARE, D: 12, P: 5, dtype, sums };
      const step = AttentionStep.random(shape, SPANS[reduction]);
      const words = await runWhole(devices.auto, apart(shape, step.sequences), { ROWS: 1 });
      const { want, tolerance } = expectedAttention(step);
      expectWithin(floatsOf(words), want, tolerance, 'heads apart');
      const ROWS = rowsOf(SHARE);
      expectSameBits(await runWhole(devices.auto, step, { ...constants, ROWS }), words, 'a workgroup a decode row');
      if (SHARE === 2)
        expectSameBits(await runWhole(devices.auto, step, { ROWS: 8 }), words, 'tiles of several tokens');
      expectSameBits(await runSplit(devices.auto, step, { ...constants, ROWS }), words, 'splits');
    },
  );

  test('the check finds heads that take the keys of a neighbour', async () => {
    const shape = { H: 2, SHARE: 2, D: 12, P: 5, dtype: 'f32', sums } as const;
    const step = AttentionStep.random(shape, SPANS[reduction]);
    const words = await runWhole(devices.auto, apart(shape, step.sequences), { ROWS: 1 });
    const faulty = mutant(attention, [['queries.head / constants::SHARE', 'queries.head % params.H']]);
    const got = await runWhole(devices.auto, step, { ROWS: rowsOf(2) }, faulty);
    expect(() => expectSameBits(got, words, 'neighbours')).toThrow('words differ');
  });
});

test('rows that are not of whole tokens are refused in the class gpu', () => {
  const traits = { vendor: 'amd', minSubgroupSize: 32, timestamps: true, isSoftware: false, reduction: 'gpu' } as const;
  const variant = (constants: Readonly<Record<string, number>>) => () => attention.variant(traits, { constants });
  const expected = (SHARE: number) => `expected a multiple of SHARE, ${SHARE}, in the reduction class gpu`;
  expect(variant({ SHARE: 2 })).toThrow(`attention: ROWS is 1, ${expected(2)}`);
  expect(variant({ SHARE: 4, ROWS: 2 })).toThrow(`attention: ROWS is 2, ${expected(4)}`);
  expect(variant({ SHARE: 3, ROWS: 8 })).toThrow(`attention: ROWS is 8, ${expected(3)}`);
  expect(variant({ SHARE: 4, ROWS: 4 })).not.toThrow();
});
