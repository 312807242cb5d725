// Bits of an attention row: equal in every tiling, split, block order and batch, with sums in the promised order.
// @module-tag sweep
import { beforeAll, describe, expect, test } from 'vitest';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { attention, attentionFold, attentionSplit } from '../../src/kernels/attention/attention.ts';
import { AttentionStep, randomSequence, type SequenceData } from '../../src/kernels/attention/operands.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import { type Constants, runSplit, runWhole } from '../support/kernels/attention-case.ts';
import { checkScoreOrder, checkValueOrder } from '../support/kernels/attention-order.ts';
import '../../src/testing/vitest.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';

const [H, D] = [1, 64];
const C = H * D;
/** Changes that make the sum over the values of a tile descend. */
const TURNED: Readonly<Record<ReductionClass, Changes[number]>> = {
  software: [
    'for (var j = max(first_key, queries.first) - first_key; j < num_keys; j++) {\n        var p',
    'for (var n = 0u; n < num_keys; n++) {\n let j = num_keys - 1u - n;\n var p',
  ],
  gpu: [
    'for (var start = 0u; start < min(KEYS, span.count); start += LOADS) {',
    'for (var turn = 0u; turn < KEYS; turn += LOADS) { let start = KEYS - LOADS - turn;',
  ],
};
/** Constants of the class gpu that npm test varies: rows of a prompt's tile, and the loads at once of prompts and of decode rows. */
const FEW_OF_GPU = { whole: [{ ROWS: 8 }, { LOADS: 8 }], split: [{ LOADS: 16 }] };
/** Rows at positions 500 to 799: two to four splits. */
const SPAN = { context: 800, queries: 300 };
const FIRST_POSITION = SPAN.context - SPAN.queries;

/** The rows at some positions, each as the only token of a sequence that ends there. */
function decodeRows({ q, k, v }: SequenceData, positions: readonly number[]): SequenceData[] {
  return positions.map((position) => {
    const [row, context] = [position - FIRST_POSITION, position + 1];
    const query = q.subarray(row * C, (row + 1) * C);
    return { queries: 1, context, q: query, k: k.subarray(0, context * C), v: v.subarray(0, context * C) };
  });
}

function countDifferences(got: Uint32Array, want: Uint32Array): number {
  return got.filter((word, i) => word !== want[i]).length;
}

describe.each(REDUCTION_CLASSES)('reduction class %s:', (reduction) => {
  const devices = new TestDevices({ reduction });
  const sums = REDUCTIONS[reduction];
  // The storage type changes how a row is loaded, and no order: npm test has one.
  const tagsOf = (dtype: KVDType) => ({ tags: dtype === 'f16' ? ['slow'] : [] });

  for (const dtype of ['f32', 'f16'] as const)
    describe(`a row has the same bits, cache of ${dtype},`, tagsOf(dtype), () => {
      const shape = { G: H, D, P: 16, dtype, sums };
      const sequence = randomSequence(shape, SPAN, 3);
      const step = new AttentionStep(shape, [sequence]);
      let want: Uint32Array;
      beforeAll(async () => {
        want = await runWhole(devices.auto, step, { ROWS: 1 });
      });

      async function expectBits(whole: readonly Constants[], split: readonly Constants[]) {
        for (const constants of whole) {
          expect(await runWhole(devices.auto, step, { ROWS: 1, ...constants })).toEqualBits(want, {
            label: JSON.stringify(constants),
          });
        }
        for (const constants of split) {
          expect(await runSplit(devices.auto, step, constants)).toEqualBits(want, {
            label: `splits, ${JSON.stringify(constants)}`,
          });
        }
      }
      const neighbours = (kernel: Kernel): readonly Constants[] =>
        kernel.neighbours(devices.auto.traits, {}).map(({ constants = {} }) => constants);

      test('in tiles of other rows, with other numbers of lanes and loads', async () => {
        const wide = reduction === 'software' ? [{ ROWS: 8 }, { ROWS: 4, LANES: 32 }] : FEW_OF_GPU.whole;
        // The storage type changes how a row is loaded, not how lanes share the work: f16 runs fewer of the variants.
        const rows = dtype === 'f32' ? wide : [{ ROWS: 8 }];
        await expectBits([...rows, ...[1, 8].map((ROWS) => ({ ROWS, SUBGROUPS: 0 }))], []);
      });

      test('in splits that are folded', async () => {
        const loads = dtype === 'f32' && reduction === 'gpu' ? FEW_OF_GPU.split : [];
        await expectBits([], [{}, ...loads, { SUBGROUPS: 0 }]);
        const loaded = await runSplit(devices.auto, step, {}, { LOADS: 8 });
        expect(loaded).toEqualBits(want, { label: 'eight splits of a fold loaded at once' });
      });

      test('in every variant', { tags: ['slow'] }, () => expectBits(neighbours(attention), neighbours(attentionSplit)));

      test('in tiles that begin at another row, in other blocks and in blocks of another size', async () => {
        const later = new AttentionStep(
          { ...shape, P: 5 },
          [{ ...sequence, queries: 297, q: sequence.q.subarray(3 * C) }],
          9,
        );
        expect(await runWhole(devices.auto, later, { ROWS: 4 })).toEqualBits(want.subarray(3 * C), {
          label: 'from row 3 on',
        });
      });

      test('as the only token of its sequence in a step of others', async () => {
        const positions = [500, 510, 511, 512, 640, 767, 768, 799];
        const decode = new AttentionStep(shape, decodeRows(sequence, positions), 7);
        const rows = positions.flatMap((position) => {
          const row = position - FIRST_POSITION;
          return [...want.subarray(row * C, (row + 1) * C)];
        });
        expect(await runWhole(devices.auto, decode, { ROWS: 1 })).toEqualBits(Uint32Array.from(rows), {
          label: 'decode',
        });
        expect(await runSplit(devices.auto, decode)).toEqualBits(Uint32Array.from(rows), { label: 'decode in splits' });
      });

      test('on a device without optional features', async () => {
        expect(await runWhole(devices.base, step, { ROWS: dtype === 'f32' ? 4 : 1 })).toEqualBits(want, {
          label: 'tiles',
        });
        expect(await runSplit(devices.base, step)).toEqualBits(want, { label: 'splits' });
      });
    });

  describe('the order of the sums is the promised one', () => {
    test.each<KVDType>(['f32', 'f16'])('of scores, over d, cache of %s', (dtype) =>
      checkScoreOrder(devices.auto, dtype),
    );

    test('of values, over the keys of a tile, the tiles of a split and the splits', () =>
      checkValueOrder(devices.auto));

    test('which the checks find broken', async () => {
      const dot = 'fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))))';
      const swapped = 'fma(a.w, b.w, fma(a.z, b.z, fma(a.x, b.x, fma(a.y, b.y, sum))))';
      await expect(checkScoreOrder(devices.auto, 'f32', mutant(attention, [[dot, swapped]]))).rejects.toThrow(
        'order of the scores',
      );
      await expect(checkValueOrder(devices.auto, mutant(attention, [TURNED[reduction]]))).rejects.toThrow(
        'order of the values',
      );
    });
  });

  describe('the bits differ', () => {
    const shape = { G: H, D, P: 16, dtype: 'f32' as const, sums };
    const step = new AttentionStep(shape, [randomSequence(shape, SPAN, 3)]);

    test('with other tiles of keys', async () => {
      const differences = countDifferences(
        await runWhole(devices.auto, step, { ROWS: 1, KEYS: 64 }),
        await runWhole(devices.auto, step, { ROWS: 1 }),
      );
      expect(differences).toBeGreaterThan((SPAN.queries * C) / 4);
    });

    test('with splits of half as many keys', async () => {
      const SPLIT_KEYS = sums.splitKeys / 2;
      const differences = countDifferences(
        await runWhole(devices.auto, step, { ROWS: 1, SPLIT_KEYS }),
        await runWhole(devices.auto, step, { ROWS: 1 }),
      );
      expect(differences).toBeGreaterThan(SPAN.queries);
    });

    test('with a fold by the maximum over all splits', async () => {
      const maximum =
        'for (var z = first; z < end; z++) { folded.x = max(folded.x, partials[(row + z) * (params.D + 2u)]); }';
      const fold = mutant(attentionFold, [['var folded = NOTHING;', `var folded = NOTHING; ${maximum}`]]);
      const differences = countDifferences(
        await runSplit(devices.auto, step, {}, { fold }),
        await runSplit(devices.auto, step),
      );
      expect(differences).toBeGreaterThan(SPAN.queries);
    });
  });
});
