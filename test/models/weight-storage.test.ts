// Models whose matrices differ in storage, as files have them: what runs, what is listed and what is counted follow each matrix.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { QuantizedRows } from '../../src/kernels/weights/quantized-rows.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { modelTensors } from '../../src/models/architecture.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { parseModel } from '../../src/models/registry.ts';
import { fuseTensors } from '../../src/models/tensor-specs.ts';
import type { WeightSource } from '../../src/models/weight-source.ts';
import { describeStorage, storageOf, type WeightStorage } from '../../src/models/weight-storage.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { checkMemory, planMemory } from '../../src/runtime/memory-plan.ts';
import { metaParts } from '../../src/runtime/meta-parts.ts';
import { closeParts, createParts } from '../../src/runtime/model-parts.ts';
import { ModelRunner } from '../../src/runtime/model-runner.ts';
import { type RunnerOptions, resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import '../../src/testing/vitest.ts';
import { storedWeight } from '../support/kernels/stored-weight.ts';
import { logitsOfAll } from '../support/models/model-session.ts';
import { DECODE_STEP } from '../support/models/step-shapes.ts';
import { type ToyTensor, toyDirectory, toyReference, toyTensors } from '../support/models/toy-model.ts';
import { toy } from './toy/toy.ts';

const sizes = { depth: 2, heads: 2, head_width: 16, width: 24, vocabulary: 61, places: 48 };
const model = parseModel({ model_type: 'toy', ...sizes }, 'toy', [toy]);
const tensors = toyTensors(sizes);
const ids = Array.from({ length: 37 }, (_, t) => (t * 23 + 5) % sizes.vocabulary);

/** Storage of a toy whose layers differ, as in files that keep some matrices more exactly than others. */
const MIXED: Readonly<Record<string, WeightDType>> = {
  'tokens.table': 'q8',
  'blocks.0.think.down.matrix': 'f16',
  'blocks.1.look.value': 'f16',
  'answers.table': 'f32',
};
const dtypeOf = (name: string): WeightDType => MIXED[name] ?? 'q8';
const storage = { dtypeOf, tiedHead: false };

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** Opens the files of the toy, which say another storage of their tensors. */
async function openMixed(): Promise<WeightSource> {
  const source = await openCheckpoint(toyDirectory(sizes, tensors), model);
  return Object.assign(source, { dtypeOf });
}

function sizesOf(options: RunnerOptions = {}) {
  return resolveSizes(model.config, { maxBatchSize: 1, maxLogitsRows: ids.length, ...options }, storage, device);
}

/** Storage of each matrix of the toy, by its module. */
function storages(of: WeightStorage) {
  const tiled = fuseTensors([...modelTensors(model, false)]).filter(({ role }) => /matrix|embedding|head/.test(role));
  return Object.fromEntries(tiled.map((tensor) => [tensor.module, storageOf(tensor, of)]));
}

describe('the storage of a matrix', () => {
  test('is that of its tensor', () => {
    expect(storages(storage)).toMatchObject({
      'blocks.0.think.down': 'f16',
      'blocks.1.think.down': 'q8',
      answers: 'f32',
    });
  });

  test('is the one that a caller asks for all', () => {
    expect(new Set(Object.values(storages('f16')))).toEqual(new Set(['f16']));
  });

  test.each([
    ['q8', 'q8', 'q8', 'q8'],
    ['q8', 'f16', 'q8', 'f32'],
    ['q8', 'f32', 'f16', 'f32'],
  ] as const)('of parts in %s, %s and %s is %s', (query, key, value, expected) => {
    const parts = new Map([query, key, value].map((dtype, i) => [['query', 'key', 'value'][i], dtype]));
    const mixed = { tiedHead: false, dtypeOf: (name: string) => parts.get(name.split('.').at(-1)!) ?? 'f32' };
    expect(storages(mixed)['blocks.0.look.up']).toBe(expected);
  });
});

test('a mixed storage is described by its types, that of most numbers first', () => {
  expect(describeStorage(model, storage)).toBe('q8 + f32 + f16');
  expect(describeStorage(model, { tiedHead: true, dtypeOf })).toBe('q8 + f32 + f16');
  expect(describeStorage(model, 'q8')).toBe('q8');
});

test('a mixed model has the logits of the reference whose matrices are stored so', async () => {
  await using source = await openMixed();
  await using runner = await ModelRunner.create(device, model, source, sizesOf(), { returnLogits: true });
  const stored = [...tensors].map(([name, { shape, data }]): [string, ToyTensor] => {
    if (/places|gain/.test(name)) return [name, { shape, data }];
    const [rows = 0, columns = 0] = shape;
    // Parts of these differ, which makes f32 the storage of all.
    const dtype = name.startsWith('toy.blocks.1.look.') && !name.includes('down') ? 'f32' : dtypeOf(name.slice(4));
    return [name, { shape, data: storedWeight(dtype, data, { rows, columns, along: 'rows' }) }];
  });
  const { logits } = toyReference(sizes, new Map(stored), ids);
  // As in toy.test.ts: 500 roundings of sums of magnitudes below 8 (1 + max |logit|).
  const abs = 500 * 2 ** -24 * 8 * (1 + logits.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0));
  expect(await logitsOfAll(runner, ids)).toBeWithin(logits, { abs }, { label: 'logits' });
});

/** A source whose embedding is q8_32 and whose matrices are q4, and the numbers that it stands for, by the names of its files. */
async function openQuantized() {
  const wide = { ...sizes, width: 64, head_width: 32 };
  const definition = parseModel({ model_type: 'toy', ...wide }, 'toy', [toy]);
  const given = toyTensors(wide);
  const quantizedAs = (name: string): WeightDType => (/table$/.test(name) ? 'q8_32' : 'q4');
  const exact = new Map(given);
  const rows = new Map<string, QuantizedRows>();
  for (const [name, { shape, data }] of given) {
    if (/places|gain/.test(name)) continue;
    const quantized = quantizedRows(quantizedAs(name), data);
    rows.set(name.slice(4), quantized);
    exact.set(name, { shape, data: valuesOfRows(quantized) });
  }
  const files = await openCheckpoint(toyDirectory(wide, given), definition);
  const readQuantized = async (name: string, startRow: number, numRows: number): Promise<QuantizedRows> => {
    const [length = 0] = files.shape(name).slice(1);
    return rowsOf(rows.get(name)!, startRow * length, (startRow + numRows) * length);
  };
  const readRows = files.readRows.bind(files);
  const source: WeightSource = Object.assign(files, {
    dtypeOf: quantizedAs,
    readQuantized,
    // What is quantized is read so, or not at all.
    readRows: async (name: string, ...rest: [number, number, Float32Array]) => {
      if (rows.has(name)) throw new Error(`rows of ${name} are read as numbers`);
      await readRows(name, ...rest);
    },
  });
  return { wide, definition, source, exact };
}

/** Makes codes and scales of the sign and size of numbers, each scale another. */
function quantizedRows(dtype: WeightDType, data: Float32Array): QuantizedRows {
  const scales = Float32Array.from(
    { length: data.length / 32 },
    (_, i) => (8 + (i % 5)) / (dtype === 'q4' ? 128 : 2048),
  );
  const at = (i: number) => scales[Math.floor(i / 32)]!;
  if (dtype !== 'q4') return { dtype: 'q8_32', values: Int8Array.from(data, (x, i) => Math.round(x / at(i))), scales };
  const minimums = scales.map((scale, i) => scale * (6 + (i % 4)));
  const code = (x: number, i: number) => (x + minimums[Math.floor(i / 32)]!) / at(i);
  return {
    dtype,
    values: Uint8Array.from(data, (x, i) => Math.min(Math.max(Math.round(code(x, i)), 0), 15)),
    scales,
    minimums,
  };
}

function valuesOfRows(rows: QuantizedRows): Float32Array {
  return Float32Array.from(rows.values, (value, i) => {
    const group = Math.floor(i / 32);
    return value * rows.scales[group]! - (rows.dtype === 'q4' ? rows.minimums[group]! : 0);
  });
}

function rowsOf(rows: QuantizedRows, start: number, end: number): QuantizedRows {
  const scales = rows.scales.slice(start / 32, end / 32);
  if (rows.dtype === 'q8_32') return { dtype: 'q8_32', values: rows.values.slice(start, end), scales };
  return {
    ...rows,
    values: rows.values.slice(start, end),
    scales,
    minimums: rows.minimums.slice(start / 32, end / 32),
  };
}

test('a model whose files are quantized has the logits of their numbers, which no rounding has touched', async () => {
  const { wide, definition, source, exact } = await openQuantized();
  await using files = source;
  const options = { maxBatchSize: 1, maxLogitsRows: ids.length };
  const resolved = resolveSizes(definition.config, options, files, device);
  expect(describeStorage(definition, resolved.storage)).toBe('q4 + q8_32');
  await using runner = await ModelRunner.create(device, definition, files, resolved, { returnLogits: true });
  const { logits } = toyReference(wide, exact, ids);
  // As in toy.test.ts, with sums of 64 + 64 + 32 + 37 + 64 + 192 in each layer.
  const abs = 1000 * 2 ** -24 * 8 * (1 + logits.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0));
  expect(await logitsOfAll(runner, ids)).toBeWithin(logits, { abs }, { label: 'logits' });
});

test('a mixed model takes the memory that is planned for it', async () => {
  await using source = await openMixed();
  const resolved = sizesOf({ numBlocks: 20 });
  const before = device.liveBytes;
  await using runner = await ModelRunner.create(device, model, source, resolved);
  expect(device.liveBytes - before).toBe(planMemory(model, resolved).total);
  expect(runner.limits.numBlocks).toBe(20);
  // The f32 head alone has more words than in q8.
  expect(planMemory(model, resolved).weights).toBeGreaterThan(planMemory(model, sizesOf({ dtype: 'q8' })).weights);
});

test('a matrix of a later layer that is too large for a binding is refused', () => {
  const check = (name: string) => {
    const large = { tiedHead: false, dtypeOf: (other: string): WeightDType => (other === name ? 'f32' : 'q8') };
    // [72, 24] takes 96 · 32 words in f32, more than any other matrix or the 8 rows of logits.
    const resolved = sizesOf({ numBlocks: 1, maxBatchTokens: 8, maxLogitsRows: 1 });
    checkMemory(model, { ...resolved, storage: large }, { maxBindingBytes: 12_000 });
  };
  expect(() => check('none')).not.toThrow();
  expect(() => check('blocks.1.think.down.matrix')).toThrow('weights of blocks.1.think.down.matrix need 12288 bytes');
});

test('the listing of a mixed model has each matmul under the storage of its matrix', async () => {
  const resolved = sizesOf({ maxBatchSize: 2, maxBatchTokens: 8, maxLogitsRows: 2, maxModelLen: 8 });
  const maxBindingBytes = device.gpu.limits.maxStorageBufferBindingSize;
  const parts = metaParts({ model, sizes: resolved, maxBindingBytes, tuning: new Tuning(device.traits) });
  const listed = listDispatches(device.traits, parts, [DECODE_STEP]);
  const matmuls = listed.filter(({ kernel }) => kernel.name.startsWith('matmul'));
  expect(matmuls.map(({ use, variant: { conditions } }) => [use, conditions.W_F16, conditions.W_Q8])).toEqual([
    ['qkv', false, true],
    ['widening', false, true],
    ['mixing', false, true],
    ['narrowing', true, false],
    ['qkv', false, false],
    ['narrowing', false, true],
    ['LM head', false, false],
  ]);
  await using source = await openMixed();
  const loaded = await createParts(device, model, source, resolved);
  expect(listDispatches(device.traits, loaded, [DECODE_STEP])).toEqual(listed);
  closeParts(loaded);
});
