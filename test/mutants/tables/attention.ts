// Quick tables of attention: whole and in splits, decode and prefill, windows, and the order of sums, in both classes.
import { Device } from '../../../src/gpu/device.ts';
import { attention, attentionFold, attentionSplit } from '../../../src/kernels/attention/attention.ts';
import { attentionNaive } from '../../../src/kernels/attention/attention-naive.ts';
import { expectedAttention } from '../../../src/kernels/attention/expected.ts';
import { AttentionStep, decodeSpans, prefillSpans } from '../../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { REDUCTIONS } from '../../../src/kernels/reductions.ts';
import { compareBits, compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../../support/assert-passes.ts';
import {
  type Constants,
  checkUnseenKeys,
  runSplit,
  runWhole,
  steepStep,
} from '../../support/kernels/attention-case.ts';
import { checkAttentionNaive } from '../../support/kernels/attention-naive-case.ts';
import { checkScoreOrder, checkValueOrder } from '../../support/kernels/attention-order.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

interface AttentionKernels {
  readonly kernel: typeof attention;
  readonly split: typeof attentionSplit;
  readonly fold: typeof attentionFold;
}

/** Checks rows of heads that share keys and see a window of them, over the end of a split and, where there are groups, of one. */
async function checkWindows(
  device: Device,
  { kernel, split, fold }: AttentionKernels,
  constants: Constants = {},
): Promise<void> {
  const sums = REDUCTIONS[device.traits.reduction];
  const window = sums.splitKeys + 11;
  const start = Math.max(sums.groupKeys, sums.splitKeys) - 40;
  const shape = { G: 2, SHARE: 3, D: 12, P: 5, dtype: 'f32', sums, window } as const;
  const spans = [
    { context: start + window, queries: 9 },
    { context: 1, queries: 1 },
    { context: start + window + 21, queries: 1 },
  ];
  const step = AttentionStep.random(shape, spans);
  const { want, tolerance } = expectedAttention(step);
  const words = await runSplit(device, step, { ...constants, ROWS: 4 }, { split, fold });
  assertPasses(compareWithin(floatsOf(words), want, tolerance, { label: 'windows in splits' }));
  assertPasses(
    compareBits(await runWhole(device, step, { ...constants, ROWS: 1 }, kernel), words, {
      label: 'windows of single rows',
    }),
  );
}

async function checkAttentions(device: Device, replace: Replace): Promise<void> {
  const [kernel, split, fold] = [replace(attention), replace(attentionSplit), replace(attentionFold)];
  // Rows of nine vectors: two for some of eight lanes.
  const sums = REDUCTIONS[device.traits.reduction];
  const shape = { G: 2, D: 36, P: 5, dtype: 'f32', sums } as const;
  const decode = AttentionStep.random(shape, decodeSpans(shape));
  const { want, tolerance } = expectedAttention(decode);
  const rows = await runWhole(device, decode, { ROWS: 1, LANES: 8 }, kernel);
  assertPasses(compareWithin(floatsOf(rows), want, tolerance, { label: 'decode' }));
  const steep = steepStep(shape, decodeSpans(shape));
  const apart = expectedAttention(steep);
  assertPasses(
    compareWithin(floatsOf(await runWhole(device, steep, { ROWS: 1, LANES: 8 }, kernel)), apart.want, apart.tolerance, {
      label: 'steep',
    }),
  );
  await checkScoreOrder(device, 'f32', kernel);
  await checkValueOrder(device, kernel);
  // More lanes than keys of a tile, and lanes with two vectors of a value each.
  for (const LANES of [64, 8]) {
    assertPasses(
      compareBits(await runSplit(device, decode, { LANES }, { split, fold }), rows, {
        label: `splits, ${LANES} lanes`,
      }),
    );
  }

  const prefill = AttentionStep.random(shape, prefillSpans(sums));
  const tiles = await runWhole(device, prefill, { ROWS: 4, LANES: 32 }, kernel);
  const expected = expectedAttention(prefill);
  assertPasses(compareWithin(floatsOf(tiles), expected.want, expected.tolerance, { label: 'prefill' }));
  assertPasses(
    compareBits(await runWhole(device, prefill, { ROWS: 1, LANES: 8 }, kernel), tiles, { label: 'single rows' }),
  );
  assertPasses(
    compareBits(await runWhole(device, prefill, { ROWS: 4, LANES: 8 }, kernel), tiles, { label: 'rows together' }),
  );
  assertPasses(
    compareBits(await runWhole(device, prefill, { ROWS: 4, LANES: 8, SUBGROUPS: 0 }, kernel), tiles, {
      label: 'lanes apart',
    }),
  );
  for (const SUBGROUPS of [0, 1]) await checkUnseenKeys(device, shape, { ROWS: 4, LANES: 8, SUBGROUPS }, kernel);

  await checkWindows(device, { kernel, split, fold }, { LANES: 8 });
  await checkWindows(device, { kernel, split, fold }, { LANES: 8, SUBGROUPS: 0 });

  // One component more than whole vectors have.
  const half = AttentionStep.random({ G: 3, D: 25, P: 16, dtype: 'f16', sums }, prefillSpans(sums));
  const halves = expectedAttention(half);
  const got = await runWhole(device, half, { ROWS: 4, LANES: 8 }, kernel);
  assertPasses(compareWithin(floatsOf(got), halves.want, halves.tolerance, { label: 'prefill, f16' }));
  assertPasses(
    compareBits(await runWhole(device, half, { ROWS: 1, LANES: 32 }, kernel), got, { label: 'lanes apart, f16' }),
  );
  await checkScoreOrder(device, 'f16', kernel);
}

async function checkAttentionsAbreast(_: Device, replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  const [kernel, split, fold] = [replace(attention), replace(attentionSplit), replace(attentionFold)];
  const sums = REDUCTIONS.gpu;
  const shape = { G: 2, D: 36, P: 5, dtype: 'f32', sums } as const;
  const decode = AttentionStep.random(shape, decodeSpans(shape));
  const { want, tolerance } = expectedAttention(decode);
  const rows = await runWhole(device, decode, { ROWS: 1 }, kernel);
  assertPasses(compareWithin(floatsOf(rows), want, tolerance, { label: 'decode' }));
  for (const LOADS of [1, 2]) {
    assertPasses(
      compareBits(await runSplit(device, decode, {}, { split, fold, LOADS }), rows, {
        label: `splits, ${LOADS} loads of the fold`,
      }),
    );
  }
  const steep = steepStep(shape, decodeSpans(shape));
  const apart = expectedAttention(steep);
  assertPasses(
    compareWithin(floatsOf(await runWhole(device, steep, { ROWS: 1 }, kernel)), apart.want, apart.tolerance, {
      label: 'steep',
    }),
  );
  await checkScoreOrder(device, 'f32', kernel);
  await checkValueOrder(device, kernel);

  const prefill = AttentionStep.random(shape, prefillSpans(sums));
  const tiles = await runWhole(device, prefill, { ROWS: 4, LOADS: 8 }, kernel);
  const expected = expectedAttention(prefill);
  assertPasses(compareWithin(floatsOf(tiles), expected.want, expected.tolerance, { label: 'prefill' }));
  assertPasses(compareBits(await runWhole(device, prefill, { ROWS: 1 }, kernel), tiles, { label: 'single rows' }));
  assertPasses(compareBits(await runWhole(device, prefill, { ROWS: 8 }, kernel), tiles, { label: 'eight rows' }));
  await checkUnseenKeys(device, shape, { ROWS: 4, LOADS: 8 }, kernel);

  await checkWindows(device, { kernel, split, fold });

  const half = AttentionStep.random({ G: 3, D: 25, P: 16, dtype: 'f16', sums }, prefillSpans(sums));
  const halves = expectedAttention(half);
  const got = await runWhole(device, half, { ROWS: 4 }, kernel);
  assertPasses(compareWithin(floatsOf(got), halves.want, halves.tolerance, { label: 'prefill, f16' }));
}

/** Tables of attention and its plain form. */
export const ATTENTION_TABLES: readonly Table[] = [
  { shaders: ['attention_shared', 'attention_subgroup', 'attention_fold'], check: checkAttentions },
  { shaders: ['attention_abreast', 'attention_fold'], check: checkAttentionsAbreast },
  { shaders: ['attention_naive'], check: (device, replace) => checkAttentionNaive(device, replace(attentionNaive)) },
];
