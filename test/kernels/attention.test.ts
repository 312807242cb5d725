// Attention against float64 and torch, in tiles and splits; its bits are compared in attention-bits.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { attention, attentionFold } from '../../src/kernels/attention/attention.ts';
import { expectedAttention } from '../../src/kernels/attention/expected.ts';
import {
  type AttentionShape,
  AttentionStep,
  decodeSpans,
  prefillSpans,
  type SequenceData,
} from '../../src/kernels/attention/operands.ts';
import { floatsOf, hostTensor, unwritten } from '../../src/kernels/kernel-case.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import { PagedCache } from '../../src/kernels/kv-write/paged-cache.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import { checkUnseenKeys, runSplit, runTiles, runWhole, steepStep } from '../support/kernels/attention-case.ts';
import { checkAttentionNaive } from '../support/kernels/attention-naive-case.ts';
import '../../src/testing/vitest.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { runKernel } from '../support/kernels/run-kernel.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const DTYPES: readonly KVDType[] = ['f32', 'f16'];

/** Shapes of each class: rows of parts of a vector, of whole ones, and of more than the lanes of a tile hold at once. */
const SHAPES: Readonly<Record<ReductionClass, readonly Omit<AttentionShape, 'sums'>[]>> = {
  software: [
    ...[7, 64].map((D) => ({ G: 3, D, P: 16, dtype: 'f32' as const })),
    { G: 3, D: 12, P: 16, dtype: 'f16' },
    { G: 2, D: 128, P: 16, dtype: 'f16' },
    { G: 3, D: 12, P: 5, dtype: 'f32' },
    { G: 3, D: 12, P: 1, dtype: 'f32' },
  ],
  gpu: [
    { G: 3, D: 1, P: 1, dtype: 'f32' },
    { G: 3, D: 64, P: 16, dtype: 'f32' },
    { G: 2, D: 25, P: 5, dtype: 'f16' },
  ],
};

/** More of them: npm test runs the like in the other storage or class, or in heads of 256. */
const MORE_SHAPES: Readonly<Record<ReductionClass, readonly Omit<AttentionShape, 'sums'>[]>> = {
  software: [
    ...[1, 12].map((D) => ({ G: 3, D, P: 16, dtype: 'f32' as const })),
    ...[1, 7, 64].map((D) => ({ G: 3, D, P: 16, dtype: 'f16' as const })),
  ],
  gpu: [
    { G: 3, D: 7, P: 16, dtype: 'f16' },
    { G: 1, D: 136, P: 16, dtype: 'f32' },
  ],
};

describe.each(REDUCTION_CLASSES)('reduction class %s:', (reduction) => {
  const sums = REDUCTIONS[reduction];
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  describe('decode rows agree with float64', () => {
    const title = 'G $G, D $D, P $P, cache of $dtype';
    test.each(SHAPES[reduction])(title, checkDecode);
    test.each(MORE_SHAPES[reduction])(title, { tags: ['slow'] }, checkDecode);

    async function checkDecode(each: Omit<AttentionShape, 'sums'>): Promise<void> {
      const shape = { ...each, sums };
      const decode = AttentionStep.random(shape, decodeSpans(shape));
      const { want, tolerance } = expectedAttention(decode);
      expect(floatsOf(await runWhole(device, decode, { ROWS: 1 }))).toBeWithin(want, tolerance, {
        label: 'a workgroup a row',
      });
      expect(floatsOf(await runSplit(device, decode))).toBeWithin(want, tolerance, { label: 'a workgroup a split' });
    }
  });

  test('scores whose differences overflow exp do no harm', async () => {
    const shape = { G: 2, D: 36, P: 5, dtype: 'f32', sums } as const;
    const steep = steepStep(shape, decodeSpans(shape));
    const { want, tolerance } = expectedAttention(steep);
    expect(floatsOf(await runWhole(device, steep, { ROWS: 1 }))).toBeWithin(want, tolerance, {
      label: 'a workgroup a row',
    });
    expect(floatsOf(await runSplit(device, steep))).toBeWithin(want, tolerance, { label: 'a workgroup a split' });
  });

  describe.each([2, 4, 8])('%i rows a workgroup:', (ROWS) => {
    // Bits of other rows are compared with those of one.
    const tags = ROWS === 8 ? [] : ['slow'];
    test.each(DTYPES)('prefill, whole and in chunks, agrees with float64, cache of %s', { tags }, async (dtype) => {
      const prefill = AttentionStep.random({ G: 2, D: 12, P: 16, dtype, sums }, prefillSpans(sums));
      const { want, tolerance } = expectedAttention(prefill);
      expect(floatsOf(await runWhole(device, prefill, { ROWS }))).toBeWithin(want, tolerance, {
        label: `ROWS ${ROWS}, ${dtype}`,
      });
    });

    test('a row does not read the keys after it, not even those of its own tile', { tags }, () =>
      checkUnseenKeys(device, { G: 2, D: 12, P: 16, dtype: 'f32', sums }, { ROWS }),
    );
  });

  async function checkWideHeads(D: number, dtype: KVDType, rows: readonly number[]): Promise<AttentionStep> {
    const spans = [
      { context: 33, queries: 1 },
      { context: sums.splitKeys + 4, queries: 9 },
    ];
    const step = AttentionStep.random({ G: 1, SHARE: 3, D, P: 16, dtype, sums }, spans);
    const { want, tolerance } = expectedAttention(step);
    for (const ROWS of rows) {
      expect(floatsOf(await runWhole(device, step, { ROWS }))).toBeWithin(want, tolerance, {
        label: `D ${D}, ${ROWS} rows`,
      });
    }
    return step;
  }

  test('heads of 256 agree with float64', () => checkWideHeads(256, 'f32', [4]));

  test.each([
    { D: 256, dtype: 'f32' },
    { D: 200, dtype: 'f16' },
  ] as const)('heads of $D have equal bits in tiles and splits, cache of $dtype', { tags: ['slow'] }, async (shape) => {
    const step = await checkWideHeads(shape.D, shape.dtype, [1, 2]);
    const words = await runSplit(device, step);
    for (const ROWS of [1, 2, 4])
      expect(await runWhole(device, step, { ROWS })).toEqualBits(words, { label: `${ROWS} rows` });
  });

  test('decode rows and prefill tiles of a step may run in two dispatches over one list of tiles', async () => {
    const shape: AttentionShape = { G: 2, D: 12, P: 16, dtype: 'f16', sums };
    const numDecodes = 3;
    const decodes = [17, 300, 64].map((context) => ({ context, queries: 1 }));
    const step = AttentionStep.random(shape, [...decodes, { context: 21, queries: 21 }, { context: 41, queries: 9 }]);
    const tiles = step.tiles(8);
    const decoded = await runTiles(device, step, { ROWS: 1 }, { tiles, tileTokens: 1, first: 0, count: numDecodes });
    expect(
      floatsOf(decoded)
        .subarray(numDecodes * 24)
        .every(Number.isNaN),
    ).toBe(true);
    const out = hostTensor(floatsOf(decoded), step.numTokens, 24);
    const count = tiles.length / 2 - numDecodes;
    const got = await runTiles(device, step, { ROWS: 8 }, { tiles, first: numDecodes, count, out });
    const { want, tolerance } = expectedAttention(step);
    expect(floatsOf(got)).toBeWithin(want, tolerance, { label: 'mixed' });
  });

  test('splits and fold leave the tokens after the first `count` alone', async () => {
    const shape = { G: 2, D: 12, P: 16, dtype: 'f32', sums } as const;
    const step = AttentionStep.random(shape, decodeSpans(shape));
    const count = 7;
    const got = floatsOf(await runSplit(device, step, {}, { count }));
    const { want, tolerance } = expectedAttention(step);
    expect(got.subarray(0, count * 24)).toBeWithin(want.slice(0, count * 24), tolerance.slice(0, count * 24), {
      label: 'first tokens',
    });
    expect(got.subarray(count * 24).every(Number.isNaN)).toBe(true);
  });

  test('attention refuses tiles beyond the list, and a cache of another type', async () => {
    const step = AttentionStep.random({ G: 2, D: 12, P: 16, dtype: 'f32', sums }, [{ context: 3, queries: 3 }]);
    await expect(runTiles(device, step, { ROWS: 1 }, { tiles: step.tiles(1), first: 2, count: 2 })).rejects.toThrow(
      'attention: tiles [2, 4) are beyond the 3 query tiles',
    );

    const operands = {
      qkv: unwritten(1, 3 * 128),
      kv: new PagedCache({ numBlocks: 1, G: 2, P: 16, D: 64, dtype: 'f16' }, 0).operand,
      query_tiles: hostTensor(Int32Array.of(0, 1), 1, 2),
      positions: hostTensor(Int32Array.of(0), 1),
      sequence_index: hostTensor(Int32Array.of(0), 1),
      block_tables: hostTensor(Int32Array.of(0), 1, 1),
      out: unwritten(1, 128),
    };
    await expect(runKernel(device, attention, operands, { scale: 1, count: 1, tileTokens: 1 })).rejects.toThrow(
      'attention: kv has rows of 32 words, expected 64 for D = 64',
    );
  });

  test('rows of a workgroup whose heads need more memory than workgroups share are refused', () => {
    const { traits } = device;
    const choice = (D: number, ROWS: number) => () => attention.variant(traits, { constants: { D, ROWS } });
    const [D, bytes] = reduction === 'gpu' ? [256, 20032] : [512, 18560];
    expect(choice(D, 8)).toThrow(`attention: D is ${D} and ROWS 8, which take ${bytes} bytes of the 16384 shared`);
    expect(choice(256, 4)).not.toThrow();
  });

  describe('against torch in float64', () => {
    const fixtures = readSafetensors('test/fixtures/ops.safetensors');

    test.each([
      { name: 'prefill', queries: 33, context: 33, H: 3, D: 64, ROWS: 4 },
      { name: 'decode', queries: 1, context: 77, H: 3, D: 64, ROWS: 1 },
      { name: 'chunk', queries: 9, context: 41, H: 2, D: 16, ROWS: 1 },
    ])('$name', async ({ name, queries, context, H, D, ROWS }) => {
      const part = (letter: string) => Float32Array.from(fixtures.get(`attention.${name}.${letter}`)!);
      const sequence: SequenceData = { queries, context, q: part('q'), k: part('k'), v: part('v') };
      const step = new AttentionStep({ G: H, D, P: 16, dtype: 'f32', sums }, [sequence]);
      const { tolerance } = expectedAttention(step);
      expect(floatsOf(await runWhole(device, step, { ROWS }))).toBeWithin(part('out'), tolerance, { label: 'tiles' });
      expect(floatsOf(await runSplit(device, step))).toBeWithin(part('out'), tolerance, { label: 'splits' });
    });
  });

  // The lines of these faults are those of both classes.
  describe('the checks above find', { tags: reduction === 'gpu' ? ['slow'] : [] }, () => {
    const shape: AttentionShape = { G: 2, D: 12, P: 16, dtype: 'f32', sums };

    test.each<{ fault: string; changes: Changes }>([
      {
        fault: 'a row that does not see its own key',
        changes: [['let position = u32(positions[token]);', 'let position = u32(max(positions[token] - 1, 0));']],
      },
      {
        fault: 'a row that sees one key too many',
        changes: [['let position = u32(positions[token]);', 'let position = u32(positions[token] + 1);']],
      },
      { fault: 'scores without their scale', changes: [[' * params.scale', '']] },
      {
        fault: "a neighbour's blocks",
        changes: [['u32(sequence_index[token])', 'u32(max(sequence_index[token] - 1, 0))']],
      },
    ])('$fault', async ({ changes }) => {
      const step = AttentionStep.random(shape, prefillSpans(sums));
      const { want, tolerance } = expectedAttention(step);
      const got = floatsOf(await runWhole(device, step, { ROWS: 1 }, mutant(attention, changes)));
      expect(() => expect(got).toBeWithin(want, tolerance, { label: 'mutant' })).toThrow('mutant: element');
    });

    test('a fold that stops one split early', async () => {
      const step = AttentionStep.random(shape, decodeSpans(shape));
      const { want, tolerance } = expectedAttention(step);
      const fold = mutant(attentionFold, [['/ SPLIT_KEYS + 1u', '/ SPLIT_KEYS + u32(positions[t] == 0)']]);
      const got = floatsOf(await runSplit(device, step, {}, { fold }));
      expect(() => expect(got).toBeWithin(want, tolerance, { label: 'mutant' })).toThrow('mutant: element');
    });
  });
});

test('the naive attention agrees with float64', async () => {
  using device = await Device.open();
  await checkAttentionNaive(device);
});
