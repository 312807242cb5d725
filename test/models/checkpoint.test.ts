// Checkpoints: every weight has the values of its file, read a second time without the library, and one that is
// missing, doubled or misshapen is refused by name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelTensors as tensorsOf } from '../../src/models/architecture.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { parseModel, readModel } from '../../src/models/registry.ts';
import { describeStorage } from '../../src/models/weight-storage.ts';
import { numElements } from '../../src/util/math.ts';
import {
  head,
  keys,
  model,
  modelDirectory,
  modelTensors,
  refusal,
  untied,
  WTE,
} from '../support/models/checkpoint-directory.ts';
import { f32, type TensorBytes } from '../support/models/safetensors-bytes.ts';

const fixtures = readdirSync('test/fixtures/models').map((name) => join('test/fixtures/models', name));

describe.each([...fixtures, 'weights/tales'])('%s', (dir) => {
  test('every tensor has the values that its file holds', async () => {
    await using checkpoint = await openCheckpoint(dir, await readModel(dir));
    const stored = storedTensors(dir);
    let elements = 0;
    for (const { name, shape } of tensorsOf(await readModel(dir))) {
      expect(checkpoint.shape(name)).toEqual(shape);
      const out = new Float32Array(numElements(shape));
      await checkpoint.readRows(name, 0, shape[0]!, out);
      const values = stored(name);
      expect([name, out.findIndex((value, i) => value !== values(i))]).toEqual([name, -1]);
      elements += out.length;
    }
    expect(elements).toBeGreaterThan(0);
  });
});

/** Reads values straight from the bytes of a directory's files, one at a time. */
function storedTensors(dir: string): (name: string) => (index: number) => number {
  const sources = new Map<string, (index: number) => number>();
  for (const file of readdirSync(dir).filter((name) => /^model.*\.safetensors$/.test(name))) {
    const bytes = readFileSync(join(dir, file));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const data = 8 + Number(view.getBigUint64(0, true));
    const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
      bytes.toString('utf8', 8, data),
    );
    for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      const start = data + data_offsets[0];
      const bf16 = new DataView(new ArrayBuffer(4));
      sources.set(name.replace(/^(transformer|model)\./, ''), (i) => {
        if (dtype === 'F32') return view.getFloat32(start + 4 * i, true);
        if (dtype === 'F16') return view.getFloat16(start + 2 * i, true);
        bf16.setUint16(0, view.getUint16(start + 2 * i, true));
        return bf16.getFloat32(0);
      });
    }
  }
  return (name) => sources.get(name)!;
}

test('a matrix is stored in f16 where the file has it in F16, else in f32', async () => {
  const storages = ['odd', 'plain', 'untied'].map(async (name) => {
    const dir = join('test/fixtures/models', name);
    const model = await readModel(dir);
    await using checkpoint = await openCheckpoint(dir, model);
    return describeStorage(model, checkpoint);
  });
  expect(await Promise.all(storages)).toEqual(['f16', 'f32', 'f32']);
});

describe('readRows', () => {
  test('gives any range of rows; a row of a vector is one element', async () => {
    const tensors = modelTensors().set('ln_f.bias', { dtype: 'F32', shape: [2], data: f32(3, 4) });
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), model);
    const rows = new Float32Array(4);
    await checkpoint.readRows('wte.weight', 3, 2, rows);
    expect([...rows]).toEqual([7, 8, 9, 10]);
    const element = new Float32Array(1);
    await checkpoint.readRows('ln_f.bias', 1, 1, element);
    expect([...element]).toEqual([4]);
  });

  test('gives values from tensors at odd byte offsets', async () => {
    const mask: TensorBytes = { dtype: 'U8', shape: [1], data: Uint8Array.of(1) };
    const tensors = new Map([['h.0.attn.bias', mask], ...modelTensors()]);
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), model);
    const rows = new Float32Array(10);
    await checkpoint.readRows('wte.weight', 0, 5, rows);
    expect([...rows]).toEqual(WTE);
  });

  test('refuses an unknown tensor, rows outside it and an output of another size', async () => {
    await using checkpoint = await openCheckpoint(modelDirectory(modelTensors()), model);
    const read = (name: string, start: number, rows: number, length = 2 * rows) =>
      checkpoint.readRows(name, start, rows, new Float32Array(length));
    await expect(read('lm_head.weight', 0, 1)).rejects.toThrow('tensor is "lm_head.weight", expected a weight of');
    await expect(read('wte.weight', 6, 0)).rejects.toThrow('startRow is 6, expected an integer in [0, 5]');
    await expect(read('wte.weight', 4, 2)).rejects.toThrow('numRows is 2, expected an integer in [0, 1]');
    await expect(read('wte.weight', 0, 2, 3)).rejects.toThrow('out.length is 3, expected 4 for 2 rows of [5, 2]');
  });
});

test('a checkpoint may be closed twice', async () => {
  const checkpoint = await openCheckpoint(modelDirectory(modelTensors()), model);
  await checkpoint.close();
  await checkpoint.close();
});

describe('names', () => {
  const prefixed = (tensors: ReadonlyMap<string, TensorBytes>) =>
    new Map([...tensors].map(([name, tensor]) => [`transformer.${name}`, tensor]));

  test('may have the prefix transformer. or not', async () => {
    await using checkpoint = await openCheckpoint(modelDirectory(prefixed(modelTensors())), model);
    expect(checkpoint.shape('wte.weight')).toEqual([5, 2]);
  });

  test('of mask buffers are ignored', async () => {
    const mask: TensorBytes = { dtype: 'BOOL', shape: [1, 1, 1, 1], data: new Uint8Array(1) };
    const tensors = modelTensors().set('h.0.attn.bias', mask).set('transformer.h.0.attn.masked_bias', mask);
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), model);
    expect(() => checkpoint.shape('h.0.attn.bias')).toThrow('expected a weight');
  });

  test('with and without the prefix for one tensor are an error', async () => {
    const tensors = modelTensors().set('transformer.ln_f.bias', { dtype: 'F32', shape: [2], data: f32(0, 0) });
    expect(await refusal(modelDirectory(tensors))).toBe(
      'DIR/model.safetensors: tensor "transformer.ln_f.bias": weight is doubled, expected only one of it and ln_f.bias',
    );
  });

  test.each([
    'h.1.ln_1.weight',
    'h.0.attn.bias.weight',
    'transformer.lm_head.weight',
    'transformer.transformer.ln_f.bias',
    'h.0.attn.c_attn.weight_scale',
    'wte.weight_scale',
    'h.0.attn.c_attn.lora_A.weight',
    'h.0.crossattention.c_attn.weight',
    'lm_head.bias',
  ])('that have a place in the model and are unknown are an error: %s', async (name) => {
    const dir = modelDirectory(modelTensors().set(name, { dtype: 'F32', shape: [1], data: f32(0) }));
    expect(await refusal(dir)).toContain(
      `tensor "${name}": name is unknown, expected a tensor of a GPT-2 with 1 layers`,
    );
  });
});

describe('tensors that the model does not use', () => {
  const bytes = (length: number) => new Uint8Array(length);
  const strange: [string, TensorBytes][] = [
    ['optimizer.exp_avg.h.0.ln_1.weight', { dtype: 'F64', shape: [2], data: bytes(16) }],
    ['transformer.h.0.attn.rotary_emb.inv_freq', { dtype: 'F32', shape: [1], data: bytes(4) }],
    ['h.0.attn.mask', { dtype: 'BOOL', shape: [2], data: bytes(2) }],
    ['h.7.attn.empty', { dtype: 'F32', shape: [0, 3], data: bytes(0) }],
    ['position_ids', { dtype: 'I64', shape: [1], data: bytes(8) }],
    ['score.weight', { dtype: 'F8_E8M0', shape: [3], data: bytes(3) }],
    ['packed', { dtype: 'F4', shape: [8], data: bytes(4) }],
    ['__proto__', { dtype: 'F8_E4M3', shape: [], data: bytes(1) }],
  ];

  test('are loaded with one line that counts them and names the first', async () => {
    const dir = modelDirectory(new Map([...modelTensors(), ...strange]));
    await using checkpoint = await openCheckpoint(dir, model);
    expect(checkpoint.shape('wte.weight')).toEqual([5, 2]);
    expect(checkpoint.notices).toEqual([
      `${dir}: 8 tensors are of no use to the model: "optimizer.exp_avg.h.0.ln_1.weight", ` +
        '"transformer.h.0.attn.rotary_emb.inv_freq", "h.0.attn.mask", "h.7.attn.empty", "position_ids" and 3 more',
    ]);
  });

  test.each(strange)('may be alone: %s', async (name, tensor) => {
    const dir = modelDirectory(modelTensors().set(name, tensor));
    await using checkpoint = await openCheckpoint(dir, model);
    expect(checkpoint.notices).toEqual([`${dir}: 1 tensor is of no use to the model: "${name}"`]);
  });

  test('have names of bounded length there', async () => {
    const dir = modelDirectory(modelTensors().set('x'.repeat(1e6), { dtype: 'F32', shape: [0], data: bytes(0) }));
    await using checkpoint = await openCheckpoint(dir, model);
    expect(checkpoint.notices.join().length).toBeLessThan(dir.length + 150);
  });

  test('are none in a directory without them', async () => {
    await using checkpoint = await openCheckpoint(modelDirectory(modelTensors()), model);
    expect(checkpoint.notices).toEqual([]);
  });
});

test.each([3e6, 2 ** 52])('a claim of %d layers is refused by what the file holds', async (numLayers) => {
  const dir = modelDirectory(modelTensors());
  expect(await refusal(dir, parseModel({ ...keys, n_layer: numLayers }, 'test'))).toContain(
    'tensor "h.1.ln_1.weight": weight is missing',
  );
});

describe('a tensor is refused', () => {
  test.each([...tensorsOf(model)].map(({ name }) => name))('when it is missing: %s', async (name) => {
    const tensors = modelTensors();
    const shape = tensors.get(name)!.shape.join(', ');
    tensors.delete(name);
    expect(await refusal(modelDirectory(tensors))).toBe(
      `DIR: tensor "${name}": weight is missing, expected one of shape [${shape}]`,
    );
  });

  test('of the wrong shape, naming both', async () => {
    const tensors = modelTensors().set('wte.weight', { dtype: 'F32', shape: [2, 5], data: f32(...WTE) });
    expect(await refusal(modelDirectory(tensors))).toBe(
      'DIR/model.safetensors: tensor "wte.weight": shape is [2, 5], expected [5, 2] by the config',
    );
  });

  test('of a dtype that is no weight format', async () => {
    const tensors = modelTensors().set('ln_f.bias', { dtype: 'I32', shape: [2], data: f32(0, 0) });
    expect(await refusal(modelDirectory(tensors))).toContain(
      'tensor "ln_f.bias": dtype is I32, expected F32, F16 or BF16',
    );
  });
});

describe('a stored lm_head.weight', () => {
  test('is used when the head is untied, even if it equals the embedding', async () => {
    const tensors = modelTensors().set('lm_head.weight', head(...WTE));
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), untied);
    expect(checkpoint.tiedHead).toBe(false);
  });

  test('is ignored when the head is tied and it equals the embedding', async () => {
    const tensors = modelTensors().set('lm_head.weight', head(...WTE));
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), model);
    expect(checkpoint.tiedHead).toBe(true);
  });

  test('is ignored when its values equal the embedding in another format', async () => {
    const f16 = new Uint8Array(Float16Array.from(WTE).buffer);
    const tensors = modelTensors().set('lm_head.weight', { dtype: 'F16', shape: [5, 2], data: f16 });
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), model);
    expect(checkpoint.tiedHead).toBe(true);
  });

  test('is used when the head is tied and it differs in the last value', async () => {
    const tensors = modelTensors().set('lm_head.weight', head(...WTE.with(-1, 11)));
    await using checkpoint = await openCheckpoint(modelDirectory(tensors), model);
    expect(checkpoint.tiedHead).toBe(false);
    const row = new Float32Array(2);
    await checkpoint.readRows('lm_head.weight', 4, 1, row);
    expect([...row]).toEqual([9, 11]);
  });

  test('is compared to its end when it is longer than one chunk', async () => {
    const large = parseModel({ ...keys, vocab_size: 2 ** 17 + 3 }, 'test');
    const shape = [large.config.vocabSize, 2];
    const values = new Uint8Array(8 * large.config.vocabSize).map((_, i) => i % 127);
    const tensors = modelTensors().set('wte.weight', { dtype: 'F32', shape, data: values });
    tensors.set('lm_head.weight', { dtype: 'F32', shape, data: values.with(-1, 0) });
    await using differing = await openCheckpoint(modelDirectory(tensors), large);
    expect(differing.tiedHead).toBe(false);
    tensors.set('lm_head.weight', { dtype: 'F32', shape, data: values });
    await using equal = await openCheckpoint(modelDirectory(tensors), large);
    expect(equal.tiedHead).toBe(true);
  });

  test('that is missing although the head is untied is an error', async () => {
    expect(await refusal(modelDirectory(modelTensors()), untied)).toBe(
      'DIR: tensor "lm_head.weight": weight is missing, expected one of shape [5, 2], as tie_word_embeddings is false',
    );
  });
});
