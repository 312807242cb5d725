// Quick table of checks for every shader: each mutant that is not equivalent must fail one of them.
import { probeFma, probeLoad, probeRead } from '../../bench/kernels/probes.ts';
import { Device } from '../../src/gpu/device.ts';
import { adjustLogits } from '../../src/kernels/adjust-logits/adjust-logits.ts';
import { adjustedRows } from '../../src/kernels/adjust-logits/operands.ts';
import { attention, attentionFold, attentionSplit } from '../../src/kernels/attention/attention.ts';
import { attentionNaive } from '../../src/kernels/attention/attention-naive.ts';
import { expectedAttention } from '../../src/kernels/attention/expected.ts';
import { AttentionStep, decodeSpans, prefillSpans } from '../../src/kernels/attention/operands.ts';
import { embed, embedTokens } from '../../src/kernels/embed/embed.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { kvWrite } from '../../src/kernels/kv-write/kv-write.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { layernormNaive } from '../../src/kernels/layernorm/layernorm-naive.ts';
import { layernormInputs } from '../../src/kernels/layernorm/operands.ts';
import { logprobs } from '../../src/kernels/logprobs/logprobs.ts';
import { logprobRows } from '../../src/kernels/logprobs/operands.ts';
import { matmul, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { matmulNaive } from '../../src/kernels/matmul/matmul-naive.ts';
import { normMatmul, normMatmulKVWrite, rmsnormMatmul } from '../../src/kernels/matmul/norm-matmul.ts';
import { siluMulNaive } from '../../src/kernels/matmul/silu-mul-naive.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import { rmsnormInputs } from '../../src/kernels/rmsnorm/operands.ts';
import { rmsnorm } from '../../src/kernels/rmsnorm/rmsnorm.ts';
import { rmsnormNaive } from '../../src/kernels/rmsnorm/rmsnorm-naive.ts';
import { normRopeKVWrite, ropeKVWrite } from '../../src/kernels/rope-kv-write/rope-kv-write.ts';
import { ropeNaive } from '../../src/kernels/rope-kv-write/rope-naive.ts';
import { drawRows } from '../../src/kernels/sample/operands.ts';
import { sampleNaive } from '../../src/kernels/sample/sample-naive.ts';
import { WEIGHT_DTYPES } from '../../src/kernels/weights/weight-tiles.ts';
import { ACTIVATIONS, checkActivationValues, checkBrokenValues } from '../support/kernels/activation-checks.ts';
import { checkAdjustLogits, checkExtremeLogits, runAdjustLogits } from '../support/kernels/adjust-logits-case.ts';
import { type Constants, checkUnseenKeys, runSplit, runWhole, steepStep } from '../support/kernels/attention-case.ts';
import { checkAttentionNaive } from '../support/kernels/attention-naive-case.ts';
import { checkScoreOrder, checkValueOrder } from '../support/kernels/attention-order.ts';
import { checkEmbed, checkEmbedTokens, V } from '../support/kernels/embed-case.ts';
import { checkNoise, noiseKernel } from '../support/kernels/exp-ln-case.ts';
import { expectSameBits, expectWithin } from '../support/kernels/expect-within.ts';
import { checkGatherRows } from '../support/kernels/gather-rows-case.ts';
import { checkKVWrite } from '../support/kernels/kv-write-case.ts';
import {
  checkLayernorm,
  checkLayernormNaive,
  checkLayernormOrder,
  runLayernorm,
} from '../support/kernels/layernorm-case.ts';
import { checkExtremeLogprobs, checkLogprobs, runLogprobs } from '../support/kernels/logprobs-case.ts';
import {
  checkColumns,
  checkMatmul,
  checkMatmulNaive,
  checkResidual,
  checkSiluMul,
} from '../support/kernels/matmul-checks.ts';
import { checkMatmulKVWrite } from '../support/kernels/matmul-kv-write-case.ts';
import { modulesOf } from '../support/kernels/modules-of.ts';
import { checkNormMatmul, checkNormMatmulKVWrite, checkRmsnormMatmul } from '../support/kernels/norm-matmul-case.ts';
import { checkProbeFma, checkProbeLoad, checkProbeRead } from '../support/kernels/probe-checks.ts';
import { checkRmsnorm, checkRmsnormNaive, checkRmsnormOrder, runRmsnorm } from '../support/kernels/rmsnorm-case.ts';
import { checkRng, rngKernel } from '../support/kernels/rng-case.ts';
import { checkRope, checkRopeNaive } from '../support/kernels/rope-case.ts';
import { checkNaiveDraws, checkSameDraws } from '../support/kernels/sample-naive-checks.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';
import type { Replace } from './replace.ts';
import { checkSample } from './sample-table.ts';

/** The quick table of a kernel: throws where the kernel is wrong. */
type Check = (device: Device, replace: Replace) => Promise<void>;

async function checkLayernormsNaive(device: Device, replace: Replace): Promise<void> {
  for (const C of [1, 33, 257]) await checkLayernormNaive(device, C, replace(layernormNaive));
}

async function checkLayernorms(
  device: Device,
  replace: Replace,
  lengths: readonly number[] = [1, 33, 257],
): Promise<void> {
  const kernel = replace(layernorm);
  for (const C of lengths) await checkLayernorm(device, C, kernel);
  await checkLayernormOrder(device, kernel);
  const row = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 1), beta: Float32Array.of(0, 0), eps: 3 };
  expectWithin(floatsOf(await runLayernorm(device, row, kernel)), [-0.5, 0.5], [0, 0], 'epsilon 3');
  const inputs = layernormInputs(1, 60);
  const [together, alone] = [inputs, { ...inputs, x: inputs.x.slice(-60) }];
  const words = await runLayernorm(device, together, kernel);
  expectSameBits(await runLayernorm(device, alone, kernel), words.slice(-60), 'alone');
}

async function checkWideLayernorms(_: Device, replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  await checkLayernorms(device, replace, [1, 257, 2309]);
}

async function checkRmsnorms(
  device: Device,
  replace: Replace,
  lengths: readonly number[] = [1, 33, 257],
): Promise<void> {
  const kernel = replace(rmsnorm);
  for (const C of lengths) await checkRmsnorm(device, C, kernel);
  await checkRmsnormOrder(device, kernel);
  const row = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 3), eps: 3 };
  expectWithin(floatsOf(await runRmsnorm(device, row, kernel)), [-0.5, 1.5], [0, 0], 'epsilon 3');
  const inputs = rmsnormInputs(1, 60);
  const words = await runRmsnorm(device, inputs, kernel);
  const alone = await runRmsnorm(device, { ...inputs, x: inputs.x.slice(-60) }, kernel);
  expectSameBits(alone, words.slice(-60), 'alone');
}

async function checkWideRmsnorms(_: Device, replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  await checkRmsnorms(device, replace, [1, 257, 2309]);
}

async function checkRmsnormsNaive(device: Device, replace: Replace): Promise<void> {
  for (const C of [1, 33, 257]) await checkRmsnormNaive(device, C, replace(rmsnormNaive));
}

async function checkEmbeds(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(embed);
  for (const dtype of WEIGHT_DTYPES) {
    await checkEmbed(device, { C: 131, dtype, first: 0, N: V }, kernel);
    await checkEmbed(device, { C: 7, dtype, first: 96, N: 96 }, kernel);
    // One more than steps and groups of C, and whole ones.
    for (const C of [65, 128]) await checkEmbed(device, { C, dtype, first: 96, N: 96 }, kernel);
    await checkEmbedTokens(device, { C: 131, dtype, first: 96, N: 96 }, replace(embedTokens));
  }
}

async function checkKVWrites(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(kvWrite);
  for (const dtype of ['f32', 'f16'] as const) {
    await checkKVWrite(device, { G: 3, H: 6, D: 7, P: 5, numBlocks: 9, dtype }, kernel);
    await checkKVWrite(device, { G: 2, H: 2, D: 33, P: 16, numBlocks: 9, dtype }, kernel);
  }
}

async function checkRopes(device: Device, replace: Replace): Promise<void> {
  const kernels = { plain: replace(ropeKVWrite), normed: replace(normRopeKVWrite) };
  for (const dtype of ['f32', 'f16'] as const) {
    await checkRope(device, { SHARE: 2, G: 3, D: 6, P: 5, numBlocks: 9, dtype }, kernels);
    await checkRope(device, { SHARE: 3, G: 2, D: 40, P: 16, numBlocks: 9, dtype, eps: 0.1 }, kernels);
    // As wide as memory that lanes share.
    await checkRope(device, { SHARE: 1, G: 1, D: 256, P: 16, numBlocks: 2, dtype, eps: 0.1 }, kernels);
  }
}

async function checkRopesNaive(device: Device, replace: Replace): Promise<void> {
  for (const D of [2, 130])
    await checkRopeNaive(device, { G: 3, D, P: 16, numBlocks: 9, dtype: 'f32' }, replace(ropeNaive));
}

/** Projection of tokens to queries, keys and values: columns that fill their last tile in part. */
const PROJECTION = { M: 5, K: 20, G: 3, SHARE: 2, D: 8, P: 5, numBlocks: 9, weights: 'f16' } as const;

/** Variant whose lanes have a row each: no round takes more than a quad of k. */
const ROUND_OF_ONE = { ROWS: 8, TILES: 1, X_LANES: 4, X_VEC4: true } as const;

async function checkMatmuls(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(matmul);
  await checkColumns(device, kernel);
  for (const dtype of WEIGHT_DTYPES) {
    const shape = { M: 5, K: 136, N: 331 };
    const want = await checkMatmul(device, shape, dtype, kernel, { ROWS: 4, TILES: 2, LANES: 32 });
    const got = await checkMatmul(device, shape, dtype, kernel, { ROWS: 2, TILES: 2, LANES: 32, SUBGROUPS: false });
    expectSameBits(got, want, `without subgroups, ${dtype}`);
    const quads = await checkMatmul(device, shape, dtype, kernel, ROUND_OF_ONE);
    expectSameBits(quads, want, `four k in a load, ${dtype}`);
    // One more than steps and groups of k, and whole ones.
    await checkMatmul(device, { M: 3, K: 9, N: 33 }, dtype, kernel, { SUBGROUPS: false });
    await checkMatmul(device, { M: 3, K: 65, N: 33 }, dtype, kernel);
    for (const variant of [{ SUBGROUPS: false, X_VEC4: true }, ROUND_OF_ONE]) {
      await checkMatmul(device, { M: 3, K: 128, N: 65 }, dtype, kernel, variant);
    }
  }
  // A round of shuffled quads that is left in part.
  await checkMatmul(device, { M: 3, K: 72, N: 33 }, 'f32', kernel, { X_VEC4: true });
  await checkResidual(device, kernel);
  await checkSiluMul(device, { M: 5, K: 60, N: 66 }, 'f16', kernel);
  for (const dtype of ['f32', 'f16'] as const) {
    const several = { constants: { ROWS: 4, TILES: 2 } };
    await checkMatmulKVWrite(device, { ...PROJECTION, dtype }, replace(matmulKVWrite), several);
  }
  await checkMatmulNaive(device, 257, undefined, kernel);
  const x = Float32Array.from(readSafetensors('test/fixtures/ops.safetensors').get('gelu.x')!);
  for (const activation of ACTIVATIONS) {
    await checkActivationValues(device, activation, x, kernel);
    await checkBrokenValues(device, activation, kernel);
  }
}

async function checkSiluMulNaive(device: Device, replace: Replace): Promise<void> {
  for (const N of [2, 130, 258])
    await checkSiluMul(device, { M: 3, K: 8, N }, 'f32', matmul, {}, replace(siluMulNaive));
}

/** Values of what neither lanes over k nor lanes that share tiles have a use for. */
const UNUSED = { TILES: 1, X_LANES: 4, SUBGROUPS: false } as const;
/**
 * Variants of the class `gpu` beside lanes that hand each other x: each lane for itself; workgroups that share tiles, with
 * several loads of a lane, several rows, and lanes that load no weights; and lanes over k, whose sums of a round lie over x
 * that other lanes still need, or are read by several subgroups.
 */
const GPU_VARIANTS = {
  f32: [{ ROWS: 2 }, { ROWS: 2, K_TILE: 16, LANES: 32, X_VEC4: true }],
  f16: [
    { ROWS: 8, K_TILE: 32, LANES: 32 },
    { ROWS: 2, QUADS: 4, LANES: 32 },
  ],
  q8: [
    { ROWS: 4, TILES: 2, K_TILE: 16, LANES: 128 },
    { ROWS: 2, QUADS: 8, LANES: 32 },
  ],
  q8_32: [{ ROWS: 2, QUADS: 4, LANES: 32 }],
  q4: [
    { ROWS: 4, K_TILE: 32, LANES: 64 },
    { ROWS: 2, QUADS: 8, LANES: 32 },
  ],
} as const;

async function checkGpuMatmuls(replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  const kernel = replace(matmul);
  for (const dtype of WEIGHT_DTYPES) {
    // Tiles, slices and chunks that are left in part, whole ones, and one that is begun.
    for (const shape of [
      { M: 37, K: 308, N: 75 },
      { M: 32, K: 64, N: 64 },
      { M: 3, K: 20, N: 33 },
    ]) {
      // Rounds of eight k, so that the last chunk may end in part.
      const want = await checkMatmul(device, shape, dtype, kernel, { ROWS: 4, TILES: 2, LANES: 32 });
      for (const variant of GPU_VARIANTS[dtype]) {
        const got = await checkMatmul(device, shape, dtype, kernel, { ...UNUSED, ...variant });
        expectSameBits(got, want, `class gpu, ${dtype}, ${JSON.stringify(variant)}`);
      }
    }
  }
  const { SUBGROUPS, ...unused } = UNUSED;
  const tiles = { conditions: { SUBGROUPS }, constants: { ...unused, ROWS: 2, K_TILE: 16 }, overrides: { LANES: 32 } };
  await checkResidual(device, kernel, tiles);
  await checkSiluMul(device, { M: 5, K: 60, N: 70 }, 'f32', kernel, tiles);
  for (const [dtype, variant] of [
    ['f32', { ROWS: 1, QUADS: 8 }],
    ['f16', { ROWS: 2, K_TILE: 16 }],
  ] as const) {
    const tuning = { conditions: { SUBGROUPS }, constants: { ...unused, ...variant }, overrides: { LANES: 32 } };
    await checkMatmulKVWrite(device, { ...PROJECTION, weights: 'q8', dtype }, replace(matmulKVWrite), tuning);
  }
}

async function checkNormMatmuls(replace: Replace): Promise<void> {
  using device = await Device.open({ features: 'base', reduction: 'gpu' });
  // Rows of one quad, of a part more than all have, and of more than one batch of loads.
  const twoRows = { constants: { ROWS: 2, QUADS: 8 }, overrides: { LANES: 32 } };
  for (const K of [4, 260, 1032])
    await checkNormMatmul(device, { K, N: 40, dtype: 'q8' }, twoRows, replace(normMatmul));
  await checkRmsnormMatmul(device, { K: 260, N: 40, dtype: 'q8' }, twoRows, replace(rmsnormMatmul));
  const narrow = { constants: { ROWS: 1, QUADS: 4 }, overrides: { LANES: 96 } };
  // Enough k for the last lanes to have some: x is put where its norm was.
  const projection = { ...PROJECTION, K: 420, weights: 'q8', dtype: 'f32' } as const;
  await checkNormMatmulKVWrite(device, projection, narrow, replace(normMatmulKVWrite));
}

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
  expectWithin(floatsOf(words), want, tolerance, 'windows in splits');
  expectSameBits(await runWhole(device, step, { ...constants, ROWS: 1 }, kernel), words, 'windows of single rows');
}

async function checkAttentions(device: Device, replace: Replace): Promise<void> {
  const [kernel, split, fold] = [replace(attention), replace(attentionSplit), replace(attentionFold)];
  // Rows of nine vectors: two for some of eight lanes.
  const sums = REDUCTIONS[device.traits.reduction];
  const shape = { G: 2, D: 36, P: 5, dtype: 'f32', sums } as const;
  const decode = AttentionStep.random(shape, decodeSpans(shape));
  const { want, tolerance } = expectedAttention(decode);
  const rows = await runWhole(device, decode, { ROWS: 1, LANES: 8 }, kernel);
  expectWithin(floatsOf(rows), want, tolerance, 'decode');
  const steep = steepStep(shape, decodeSpans(shape));
  const apart = expectedAttention(steep);
  expectWithin(
    floatsOf(await runWhole(device, steep, { ROWS: 1, LANES: 8 }, kernel)),
    apart.want,
    apart.tolerance,
    'steep',
  );
  await checkScoreOrder(device, 'f32', kernel);
  await checkValueOrder(device, kernel);
  // More lanes than keys of a tile, and lanes with two vectors of a value each.
  for (const LANES of [64, 8]) {
    expectSameBits(await runSplit(device, decode, { LANES }, { split, fold }), rows, `splits, ${LANES} lanes`);
  }

  const prefill = AttentionStep.random(shape, prefillSpans(sums));
  const tiles = await runWhole(device, prefill, { ROWS: 4, LANES: 32 }, kernel);
  const expected = expectedAttention(prefill);
  expectWithin(floatsOf(tiles), expected.want, expected.tolerance, 'prefill');
  expectSameBits(await runWhole(device, prefill, { ROWS: 1, LANES: 8 }, kernel), tiles, 'single rows');
  expectSameBits(await runWhole(device, prefill, { ROWS: 4, LANES: 8 }, kernel), tiles, 'rows together');
  expectSameBits(await runWhole(device, prefill, { ROWS: 4, LANES: 8, SUBGROUPS: 0 }, kernel), tiles, 'lanes apart');
  for (const SUBGROUPS of [0, 1]) await checkUnseenKeys(device, shape, { ROWS: 4, LANES: 8, SUBGROUPS }, kernel);

  await checkWindows(device, { kernel, split, fold }, { LANES: 8 });
  await checkWindows(device, { kernel, split, fold }, { LANES: 8, SUBGROUPS: 0 });

  // One component more than whole vectors have.
  const half = AttentionStep.random({ G: 3, D: 25, P: 16, dtype: 'f16', sums }, prefillSpans(sums));
  const halves = expectedAttention(half);
  const got = await runWhole(device, half, { ROWS: 4, LANES: 8 }, kernel);
  expectWithin(floatsOf(got), halves.want, halves.tolerance, 'prefill, f16');
  expectSameBits(await runWhole(device, half, { ROWS: 1, LANES: 32 }, kernel), got, 'lanes apart, f16');
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
  expectWithin(floatsOf(rows), want, tolerance, 'decode');
  for (const LOADS of [1, 2]) {
    expectSameBits(
      await runSplit(device, decode, {}, { split, fold, LOADS }),
      rows,
      `splits, ${LOADS} loads of the fold`,
    );
  }
  const steep = steepStep(shape, decodeSpans(shape));
  const apart = expectedAttention(steep);
  expectWithin(floatsOf(await runWhole(device, steep, { ROWS: 1 }, kernel)), apart.want, apart.tolerance, 'steep');
  await checkScoreOrder(device, 'f32', kernel);
  await checkValueOrder(device, kernel);

  const prefill = AttentionStep.random(shape, prefillSpans(sums));
  const tiles = await runWhole(device, prefill, { ROWS: 4, LOADS: 8 }, kernel);
  const expected = expectedAttention(prefill);
  expectWithin(floatsOf(tiles), expected.want, expected.tolerance, 'prefill');
  expectSameBits(await runWhole(device, prefill, { ROWS: 1 }, kernel), tiles, 'single rows');
  expectSameBits(await runWhole(device, prefill, { ROWS: 8 }, kernel), tiles, 'eight rows');
  await checkUnseenKeys(device, shape, { ROWS: 4, LOADS: 8 }, kernel);

  await checkWindows(device, { kernel, split, fold });

  const half = AttentionStep.random({ G: 3, D: 25, P: 16, dtype: 'f16', sums }, prefillSpans(sums));
  const halves = expectedAttention(half);
  const got = await runWhole(device, half, { ROWS: 4 }, kernel);
  expectWithin(floatsOf(got), halves.want, halves.tolerance, 'prefill, f16');
}

/** Variant of kernels over rows of logits with more lanes, and more loads of each at once, than a processor takes. */
const WIDE = { constants: { LOADS: 4 }, overrides: { LANES: 64 } } as const;

async function checkLogprobses(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(logprobs);
  for (const V of [19, 257]) await checkLogprobs(device, V, kernel);
  const rows = logprobRows(1500);
  // The best token is the last, which stands in for those after it.
  rows[0]!.logits[1499] = 99;
  const words = await runLogprobs(device, rows, kernel, WIDE);
  expectSameBits(words, await runLogprobs(device, rows, kernel), '64 lanes of four loads');
  await checkExtremeLogprobs(device, kernel);
}

async function checkAdjustments(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(adjustLogits);
  await checkAdjustLogits(device, 257, kernel);
  await checkExtremeLogits(device, kernel);
  const rows = adjustedRows(700);
  const words = await runAdjustLogits(device, rows, kernel, WIDE);
  expectSameBits(words, await runAdjustLogits(device, rows, kernel), '64 lanes of four loads');
}

async function checkSampleNaive(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(sampleNaive);
  await checkSameDraws(device, kernel);
  await checkNaiveDraws(device, drawRows(257, 60, 2, { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.01 }), kernel);
}

/** Every kernel's table, and the shaders that its kernels start from. */
const TABLES: readonly { readonly shaders: readonly string[]; readonly check: Check }[] = [
  { shaders: ['layernorm'], check: checkLayernorms },
  { shaders: ['layernorm_wide'], check: checkWideLayernorms },
  { shaders: ['rmsnorm'], check: checkRmsnorms },
  { shaders: ['rmsnorm_wide'], check: checkWideRmsnorms },
  { shaders: ['rmsnorm_naive'], check: checkRmsnormsNaive },
  { shaders: ['embed'], check: checkEmbeds },
  { shaders: ['gather_rows'], check: (device, replace) => checkGatherRows(device, 65, replace(gatherRows)) },
  { shaders: ['kv_write'], check: checkKVWrites },
  { shaders: ['rope_kv_write'], check: checkRopes },
  { shaders: ['rope_naive'], check: checkRopesNaive },
  { shaders: ['matmul', 'matmul_subgroup'], check: checkMatmuls },
  { shaders: ['matmul_norm'], check: (_, replace) => checkNormMatmuls(replace) },
  {
    shaders: ['matmul', 'matmul_subgroup', 'matmul_tiles', 'matmul_chunks'],
    check: (_, replace) => checkGpuMatmuls(replace),
  },
  { shaders: ['layernorm_naive'], check: checkLayernormsNaive },
  { shaders: ['silu_mul_naive'], check: checkSiluMulNaive },
  { shaders: ['matmul_naive'], check: (device, replace) => checkMatmulNaive(device, 60, replace(matmulNaive)) },
  { shaders: ['attention_shared', 'attention_subgroup', 'attention_fold'], check: checkAttentions },
  { shaders: ['attention_abreast', 'attention_fold'], check: checkAttentionsAbreast },
  { shaders: ['attention_naive'], check: (device, replace) => checkAttentionNaive(device, replace(attentionNaive)) },
  { shaders: ['sample'], check: checkSample },
  { shaders: ['sample_naive'], check: checkSampleNaive },
  { shaders: ['rng'], check: (device, replace) => checkRng(device, replace(rngKernel)) },
  { shaders: ['exp_ln', 'gumbel'], check: (device, replace) => checkNoise(device, replace(noiseKernel)) },
  { shaders: ['logprobs'], check: checkLogprobses },
  { shaders: ['adjust_logits'], check: checkAdjustments },
  { shaders: ['probe_read'], check: (device, replace) => checkProbeRead(device, replace(probeRead)) },
  { shaders: ['probe_load'], check: (device, replace) => checkProbeLoad(device, replace(probeLoad)) },
  { shaders: ['probe_fma'], check: (device, replace) => checkProbeFma(device, replace(probeFma)) },
];

/** The tables of the kernels that a shader is part of. */
export function tablesOf(shader: string): Check[] {
  return TABLES.filter(({ shaders }) => modulesOf(...shaders).has(shader)).map(({ check }) => check);
}
