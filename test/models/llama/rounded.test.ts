// The Llama family with weights, or keys and values, in fewer bits, against the float64 reference that rounds them in the same way;
// test/reference holds that reference to the goldens. The verbose reporter prints how far the rounding is from the golden.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../../src/gpu/reduction.ts';
import type { OfferedDType } from '../../../src/kernels/weights/weight-tiles.ts';
import type { RunnerOptions } from '../../../src/runtime/runtime-sizes.ts';
import '../../../src/testing/vitest.ts';
import { storedWeight } from '../../support/kernels/stored-weight.ts';
import { tolerance } from '../../support/models/golden.ts';
import { logitsOfAll, openRunner, places, step, TestSequence } from '../../support/models/model-session.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';
import { loadReferenceLlama } from '../../support/models/reference-llama.ts';

const devices = new Map<ReductionClass, Device>();
beforeAll(async () => {
  for (const reduction of REDUCTION_CLASSES) devices.set(reduction, await Device.open({ reduction }));
});
afterAll(() => {
  for (const device of devices.values()) device.close();
});

/** Files in f32: f16 holds what the others have. */
const F32_FIXTURES = ['llama-plain', 'llama-bias'];
const FIXTURES = [...F32_FIXTURES, 'llama3', 'mistral', 'qwen2', 'qwen3', 'smol', 'yarn'];

interface Rounding extends Pick<RunnerOptions, 'kvDtype'> {
  readonly dtype?: OfferedDType;
}

const ROUNDINGS: readonly (readonly [title: string, rounding: Rounding, fixtures: readonly string[]])[] = [
  ['weights in f16', { dtype: 'f16' }, F32_FIXTURES],
  ['weights in q8', { dtype: 'q8' }, FIXTURES],
  ['weights in q4', { dtype: 'q4' }, FIXTURES],
  ['keys and values in f16', { kvDtype: 'f16' }, FIXTURES],
];

/** Each rounding on one model, and each class twice: npm test leaves the others to the slow tier. */
const QUICK: readonly string[] = [
  'llama-bias with weights in f16 in class gpu',
  'qwen3 with weights in q8 in class gpu',
  'smol with weights in q4 in class software',
  'mistral with keys and values in f16 in class software',
];

const cases = ROUNDINGS.flatMap(([rounded, rounding, fixtures]) =>
  fixtures.flatMap((fixture) =>
    REDUCTION_CLASSES.map((reduction) => {
      const title = `${fixture} with ${rounded} in class ${reduction}`;
      return { title, fixture, rounding, reduction, tags: QUICK.includes(title) ? [] : ['slow'] };
    }),
  ),
);

/**
 * Share of the distance between rounded and unrounded logits that keys and values may add to an engine's own tolerance: float32 puts
 * some on the other side of a midpoint of f16. Their error, 2^-19 after some thirty roundings, reaches over a midpoint in
 * 2 · 2^-19 of each 2^-11, so for one number in 128 at most. It then moves by a spacing, √12 times the mean rounding. Errors add in
 * squares: √(12 / 128) = 0.31.
 */
const SHARE_OF_MIDPOINTS = 0.31;

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

for (const { title, fixture, rounding, reduction, tags } of cases) {
  test(`${title} has the logits of the reference that rounds so`, { tags }, async ({ annotate }) => {
    const { dtype, kvDtype } = rounding;
    const directory = `test/fixtures/models/${fixture}`;
    const golden = readSafetensors(`${directory}/golden.safetensors`);
    const prompts = [...golden.keys()].filter((key) => key.startsWith('ids.')).map((key) => key.slice(4));
    const longest = prompts.reduce((a, b) => (golden.get(`ids.${b}`)!.length > golden.get(`ids.${a}`)!.length ? b : a));
    const ids = golden.get(`ids.${longest}`)!;
    const reference = loadReferenceLlama(
      directory,
      (_, data, [rows = 0, columns]) => {
        if (dtype === undefined || columns === undefined) return data;
        return Float64Array.from(storedWeight(dtype, Float32Array.from(data), { rows, columns, along: 'rows' }));
      },
      { kvDtype: kvDtype === 'f16' ? 'f16' : 'f64' },
    );
    const want = reference.forward(ids).logits;
    const distance = largestDifference(want, golden.get(`logits.${longest}`)!);
    const { abs } = tolerance(want);
    const allowed = { abs: abs + (kvDtype === 'f16' ? SHARE_OF_MIDPOINTS * distance : 0) };
    // Logits without the rounding would not pass.
    expect(distance).toBeGreaterThan(allowed.abs);

    const options = { ...rounding, maxBatchSize: 1, maxLogitsRows: ids.length };
    await using runner = await openRunner(devices.get(reduction)!, directory, options);
    const got = await logitsOfAll(runner, ids);
    const error = largestDifference(Float64Array.from(got), want);
    await annotate(
      `error ${error.toExponential(1)} of ${allowed.abs.toExponential(1)}, golden ${distance.toExponential(1)} off`,
    );
    expect(got).toBeWithin(want, allowed, { label: 'logits' });
    const [place] = places(runner, 1, ids.length);
    const sequence = new TestSequence(Array.from(ids), place!);
    await step(runner, [sequence], ids.length - 1);
    await step(runner, [sequence]);
    expect(sequence.logits[0]!).toBeWithin(want.subarray(-runner.limits.vocabSize), allowed, {
      label: 'logits of a decoded token',
    });
  });
}
