// The list of a model's dispatches, made from shapes, against what a recorder takes from the same model on a device.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { parseModel, readModel } from '../../src/models/registry.ts';
import type { StepShape, StepSink } from '../../src/models/step.ts';
import { forward } from '../../src/runtime/forward.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { metaParts } from '../../src/runtime/meta-parts.ts';
import { closeParts, createParts } from '../../src/runtime/model-parts.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { stepShapes } from '../../src/runtime/step-shape.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import { DECODE_STEP, MIXED_STEP } from '../support/models/step-shapes.ts';

const STEPS: Readonly<Record<string, StepShape>> = {
  decode: DECODE_STEP,
  splits: { ...DECODE_STEP, numDecodeSplits: 2 },
  prefill: {
    ...DECODE_STEP,
    numTokens: 7,
    numDecodeTokens: 0,
    numPrefillTiles: 1,
    numLogitsRows: 1,
    logitsOfAll: false,
  },
  mixed: MIXED_STEP,
  'without a row of logits': { ...DECODE_STEP, numTokens: 7, numDecodeTokens: 0, numPrefillTiles: 1, numLogitsRows: 0 },
  'adjusted logits': { ...DECODE_STEP, adjustsLogits: true },
  'masked logits': { ...DECODE_STEP, masksLogits: true },
  'log-probabilities': { ...DECODE_STEP, reportsLogprobs: true },
};
const MODELS: readonly (readonly [name: string, dtype: WeightDType, kvDtype: KVDType])[] = [
  ['plain', 'f32', 'f32'],
  ['odd', 'f16', 'f16'],
  ['untied', 'q8', 'f32'],
];

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

async function describeModel(name: string, dtype: WeightDType, kvDtype: KVDType) {
  const directory = `test/fixtures/models/${name}`;
  const definition = await readModel(directory);
  const maxBindingBytes = device.gpu.limits.maxStorageBufferBindingSize;
  const options = { dtype, kvDtype, maxBatchSize: 2, maxBatchTokens: 8, maxModelLen: 8 };
  const sizes = resolveSizes(definition.config, options, dtype, device);
  return { directory, model: definition, sizes, maxBindingBytes, tuning: new Tuning(device.traits) };
}

/** Identity of a dispatch: kernel, variant, sizes and scalars. */
const distinct = (dispatches: readonly { label: string; dims: object }[]) =>
  new Set(dispatches.map(({ label, dims }) => `${label} ${JSON.stringify(dims)}`));

describe.each(MODELS)('the list of %s in %s with keys in %s', (...model) => {
  test.each(Object.entries(STEPS))('has the dispatches of a step that is recorded: %s', async (_, shape) => {
    const { directory, model: definition, sizes, ...others } = await describeModel(...model);
    const listed = listDispatches(device.traits, metaParts({ model: definition, sizes, ...others }), [shape]);
    await using source = await openCheckpoint(directory, definition);
    const parts = await createParts(device, definition, source, sizes);
    const recorded: { label: string; dims: object }[] = [];
    const recorder: StepSink = {
      add: (kernel, tensors, scalars, choice) => recorded.push(kernel.plan(device, tensors, scalars, choice)),
    };
    forward(recorder, parts, shape);
    const labelled = listed.map(({ kernel, variant, dims }) => ({ label: labelOf(kernel.name, variant), dims }));
    expect(distinct(labelled)).toEqual(distinct(recorded));
    expect(listDispatches(device.traits, parts, [shape])).toEqual(listed);
    closeParts(parts);
  });
});

test('a matmul and attention are listed by their place in the model', async () => {
  const model = await describeModel('plain', 'f32', 'f32');
  const listed = listDispatches(device.traits, metaParts(model), [{ ...STEPS.mixed!, numTokens: 3 }]);
  const { hiddenSize: C, mlpSize: F, vocabSize: V } = model.model.config;
  const matmuls = listed.filter(({ kernel }) => kernel.name.startsWith('matmul'));
  expect(matmuls.map(({ use, dims }) => [use, dims.M, dims.K, dims.N])).toEqual([
    ['qkv', 3, C, 3 * C],
    ['projection', 3, C, C],
    ['MLP', 3, C, F],
    ['MLP projection', 3, F, C],
    ['LM head', 2, C, V],
  ]);
  const attention = listed.filter(({ kernel }) => kernel.name === 'attention');
  expect(attention.map(({ use, dims }) => [use, dims.ROWS])).toEqual([
    ['decode', 1],
    ['prefill', 8],
  ]);
});

test('every layer adds its own dispatches only, and every step of a model can be listed at once', async () => {
  const model = await describeModel('plain', 'f32', 'f32');
  const all = listDispatches(device.traits, metaParts(model), stepShapes(model.sizes));
  const json = JSON.parse(readFileSync(`${model.directory}/config.json`, 'utf8'));
  const oneLayer = { ...model, model: parseModel({ ...json, n_layer: 1 }, 'one layer') };
  expect(listDispatches(device.traits, metaParts(oneLayer), stepShapes(model.sizes))).toEqual(all);
  const tokens = all.filter(({ kernel }) => kernel.name === 'embed').map(({ dims }) => dims.T);
  expect(tokens).toEqual([1, 2, 4, 8]);
});

test('a vocabulary beyond the largest binding is listed in its ranges', async () => {
  const model = await describeModel('plain', 'f32', 'f32');
  const maxBindingBytes = 4 * model.model.config.hiddenSize * 32;
  const listed = listDispatches(device.traits, metaParts({ ...model, maxBindingBytes }), [DECODE_STEP]);
  const columns = listed.filter(({ use }) => use === 'LM head').map(({ scalars, dims }) => [scalars.first, dims.N]);
  expect(columns.length).toBe(Math.ceil(model.model.config.vocabSize / 32));
  expect(columns.reduce((sum, [, N = 0]) => sum + N, 0)).toBe(model.model.config.vocabSize);
});

test('listing makes no buffer, and a tensor that is a shape alone cannot be read', async () => {
  const model = await describeModel('plain', 'f32', 'f32');
  const before = device.liveBuffers;
  const parts = metaParts(model);
  expect(listDispatches(device.traits, parts, [DECODE_STEP]).length).toBeGreaterThan(0);
  expect(device.liveBuffers).toBe(before);
  await expect(Tensor.meta('x', 'f32', [2]).read()).rejects.toThrow('x: the tensor is a shape alone');
  expect(() => Tensor.meta('x', 'f32', [2]).write([1, 2])).toThrow('x: the tensor is a shape alone');
  const { scratch, inputs, kernels } = parts;
  const operands = { x: scratch.hidden, rows: inputs.tensors.logitsRows, out: scratch.gathered };
  await expect(kernels.gatherRows.run(device, operands, {})).rejects.toThrow('the tensor is a shape alone');
});
