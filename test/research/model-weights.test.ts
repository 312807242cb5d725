// Weights of a research model: what is read is what the files hold, as it is stored; a copy with other weights has the bits of a
// model that was loaded with them, and shares the rest.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { type Device, openDevice } from '../../src/gpu/device.ts';
import { loadModel } from '../../src/load-model.ts';
import { type MapWeight, mapSource } from '../../src/models/mapped-source.ts';
import { openGGUFModel } from '../../src/models/registry.ts';
import { openSource } from '../../src/models/resolve-model.ts';
import { loadTextModel } from '../../src/research/load-text-model.ts';
import { TextModel } from '../../src/research/text-model.ts';
import type { StorageOptions } from '../../src/runtime/load-options.ts';
import { MemoryError } from '../../src/runtime/memory-plan.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { storedWeight } from '../support/kernels/stored-weight.ts';
import { bitsIn } from '../support/models/bits.ts';
import { loadModelTensors } from '../support/models/read-safetensors.ts';

const MODELS = 'test/fixtures/models';
const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3];
let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.close());

/** Opens a model as `loadTextModel` does, on the device of all tests here, for which its programs are compiled once. */
async function load(name: string, { mapWeight, dtype }: StorageOptions = {}) {
  const { model: definition, source } = await openSource(name);
  await using weights = mapSource(source, mapWeight);
  const model = await TextModel.open(device, definition, weights, { maxModelLen: 32, dtype });
  const close = () => model.close();
  return { model, close, [Symbol.dispose]: close };
}
type Loaded = Awaited<ReturnType<typeof load>>;

/** The slow tier has more models of f32: the one of q8 is a Llama with biases, too. */
const tagsOf = (name: string) => ({ tags: /odd$|llama-bias$/.test(name) ? ['slow'] : [] });

async function logitBits(model: TextModel): Promise<Uint32Array> {
  using result = await model.forward(ids);
  return await bitsIn(result.logits);
}

const CASES = [
  { name: `${MODELS}/plain`, dtype: 'f32', matrix: 'h.1.mlp.c_proj.weight' },
  { name: `${MODELS}/odd`, dtype: 'f32', matrix: 'h.1.mlp.c_proj.weight' },
  { name: `${MODELS}/llama-bias`, dtype: 'f32', matrix: 'layers.1.mlp.up_proj.weight' },
  { name: `${MODELS}/untied`, dtype: 'f16', matrix: 'lm_head.weight' },
  { name: `${MODELS}/qwen2`, dtype: 'q8', matrix: 'layers.0.self_attn.k_proj.weight' },
] as const;

for (const { name, dtype, matrix } of CASES)
  describe(`the weights of ${name} in ${dtype}`, tagsOf(name), () => {
    let loaded: Loaded;
    beforeAll(async () => {
      loaded = await load(name, { dtype });
    });
    afterAll(() => loaded.close());

    test('are those of the files by their names, in their order, rounded to the storage', async () => {
      const { weights } = loaded.model;
      const files = loadModelTensors(name);
      // Buffers, and a head that is the embedding.
      const extra = [...files.keys()].filter((tensor) => !weights.names().includes(tensor));
      expect(extra.filter((tensor) => !/attn\.(masked_)?bias$|lm_head/.test(tensor))).toEqual([]);
      for (const tensor of weights.names()) {
        const { shape, dtype: stored, read, ...rest } = weights.get(tensor);
        expect(rest).toEqual({ name: tensor });
        const want = Float32Array.from(files.get(tensor)!);
        const [rows = 0, columns = 0] = shape;
        const isMatrix = shape.length === 2 && tensor !== 'wpe.weight';
        expect(stored, tensor).toBe(isMatrix ? dtype : 'f32');
        const isTransposed = !/^h\.\d+\./.test(tensor);
        const along = isTransposed ? 'rows' : 'columns';
        expect(await read(), tensor).toEqual(isMatrix ? storedWeight(dtype, want, { rows, columns, along }) : want);
      }
    });

    test('can be replaced: a copy has the bits of a model that was loaded with them', async () => {
      const { model } = loaded;
      const halve: MapWeight = (tensor, values) => (tensor === matrix ? values.map((value) => value / 2) : null);
      using changed = await load(name, { dtype, mapWeight: halve });
      const files = loadModelTensors(name);
      const before = await logitBits(model);
      const buffers = device.liveBuffers;
      using copy = await model.withWeights({ [matrix]: Float32Array.from(files.get(matrix)!, (value) => value / 2) });
      const want = await logitBits(changed.model);
      expect(await logitBits(copy)).toEqual(want);
      expect(want).not.toEqual(before);
      expect(await logitBits(model)).toEqual(before);
      // Halves of what is stored: halving is exact in every storage.
      using computed = await model.withWeights({ [matrix]: (values) => values.map((value) => value / 2) });
      expect(await logitBits(computed)).toEqual(want);
      expect(await computed.weights.get(matrix).read()).toEqual(await copy.weights.get(matrix).read());
      copy.close();
      computed.close();
      expect(device.liveBuffers).toBe(buffers);
    });
  });

test('vectors, tables and ranges of a vocabulary are replaced too, several at a time', async () => {
  using loaded = await load(`${MODELS}/plain`);
  const { model } = loaded;
  const names = ['wte.weight', 'wpe.weight', 'h.0.ln_1.weight', 'h.1.attn.c_attn.bias', 'ln_f.bias'];
  const add: MapWeight = (name, values) => (names.includes(name) ? values.map((value, i) => value + (i % 3)) : null);
  using changed = await load(`${MODELS}/plain`, { mapWeight: add });
  const change = (values: Float32Array) => values.map((value, i) => value + (i % 3));
  using copy = await model.withWeights(Object.fromEntries(names.map((name) => [name, change])));
  expect(await logitBits(copy)).toEqual(await logitBits(changed.model));
});

test('a copy shares the weights that are not replaced, and either may be closed first', async () => {
  for (const first of ['model', 'copy'] as const) {
    using loaded = await load(`${MODELS}/plain`);
    const { model } = loaded;
    const own = device.liveBytes;
    const total = await Promise.all(
      model.weights.names().map(async (name) => (await model.weights.get(name).read()).byteLength),
    );
    const copy = await model.withWeights({ 'ln_f.bias': (values) => values.fill(0) });
    const added = device.liveBytes - own;
    // Keys, values and activations of its own, and no second set of weights.
    const weightBytes = total.reduce((sum, bytes) => sum + bytes, 0);
    expect(added).toBeLessThan(own - weightBytes / 2);
    const copyOfCopy = await copy.withWeights({});
    expect(device.liveBytes - own - added).toBe(added - 4 * model.config.hiddenSize);
    const want = await logitBits(copy);
    const order = first === 'model' ? [model, copy] : [copy, model];
    order[0]!.close();
    order[0]!.close();
    expect(await logitBits(copyOfCopy)).toEqual(want);
    if (first === 'model') expect(await logitBits(copy)).toEqual(want);
    order[1]!.close();
    expect(await logitBits(copyOfCopy)).toEqual(want);
    copyOfCopy.close();
    expect(device.liveBuffers).toBe(0);
  }
});

test('of a quantized file, the parts of a matrix that are not replaced keep their bits', async () => {
  const file = 'test/fixtures/gguf/smol-q4_k.gguf';
  const name = 'layers.1.self_attn.k_proj.weight';
  const others = ['layers.1.self_attn.q_proj.weight', 'layers.1.self_attn.v_proj.weight'];
  const open = async (mapWeight?: MapWeight) => {
    const { model, source } = await openGGUFModel(file);
    await using weights = mapSource(source, mapWeight);
    return await TextModel.open(device, model, weights, { maxModelLen: 32 });
  };
  using model = await open();
  using copy = await model.withWeights({ [name]: (values) => values.fill(0) });
  using mapped = await open((tensor, values) => (tensor === name ? values.fill(0) : null));
  expect(model.weights.get(name).dtype).toBe('q4');
  for (const changed of [copy, mapped]) {
    for (const other of others)
      expect(await changed.weights.get(other).read(), other).toEqual(await model.weights.get(other).read());
    expect((await changed.weights.get(name).read()).every((value) => value === 0)).toBe(true);
  }
  expect(await logitBits(copy)).toEqual(await logitBits(mapped));
  expect(await logitBits(copy)).not.toEqual(await logitBits(model));
});

test('a copy refuses texts that the model cached, and has its own', async () => {
  using loaded = await load(`${MODELS}/llama-plain`);
  const { model } = loaded;
  using copy = await model.withWeights({ 'norm.weight': (values) => values.map((value) => 2 * value) });
  using cache = await model.prefill(ids.slice(0, 9));
  await expect(copy.forward([1], { cache })).rejects.toThrow("expected one that this model's prefill made");
  using own = await copy.prefill(ids.slice(0, 9));
  using rest = await copy.forward(ids.slice(9), { cache: own });
  const { vocabSize } = model.config;
  expect(await bitsIn(rest.logits)).toEqual((await logitBits(copy)).subarray(9 * vocabSize));
});

test('an engine runs weights that a function changes while they are loaded', async () => {
  const name = `${MODELS}/plain`;
  const seen = new Map<string, readonly number[]>();
  const mapWeight: MapWeight = (tensor, values, shape) => {
    seen.set(tensor, shape);
    return tensor === 'h.1.mlp.c_proj.weight' ? values.fill(0) : null;
  };
  const options = { mapWeight, maxModelLen: 32, warmUp: false, onNotice: () => {} };
  await using changed = await loadModel(name, options);
  using text = await loadTextModel(name, { mapWeight, maxModelLen: 32, onNotice: () => {} });
  expect(Object.fromEntries(seen)).toEqual(
    Object.fromEntries(text.model.weights.names().map((tensor) => [tensor, text.model.weights.get(tensor).shape])),
  );
  await using engine = new Engine({ runner: changed.runner, tokenizer: changed.tokenizer });
  const greedy = { promptIds: ids, sampling: { temperature: 0, maxTokens: 6, ignoreEos: true } };
  const choose = (logits: Float32Array) => logits.indexOf(Math.max(...logits));
  const generated = await text.model.generate(ids, { maxTokens: 6, choose });
  expect((await engine.generate(greedy)).ids).toEqual(generated);
  using plain = await load(name);
  expect(await plain.model.generate(ids, { maxTokens: 6, choose })).not.toEqual(generated);
});

describe('refused', () => {
  let loaded: Loaded;
  beforeAll(async () => {
    loaded = await load(`${MODELS}/plain`, { dtype: 'f16' });
  });
  afterAll(() => loaded.close());

  const C = 128;
  test.each<[string, unknown, RegExp]>([
    [
      'an unknown name',
      { 'h.0.ln1.weight': new Float32Array(C) },
      /^weight is "h.0.ln1.weight", expected one of the \d+ that weights.names\(\) lists \(did you mean "h.0.ln_1.weight"\?\)$/,
    ],
    [
      'a name like no other',
      { q: new Float32Array(C) },
      /^weight is "q", expected one of the \d+ that weights.names\(\) lists \(such as "wte.weight"\)$/,
    ],
    ['a tied head', { 'lm_head.weight': new Float32Array(C) }, /^weight is "lm_head.weight", expected one of the/],
    [
      'too few numbers',
      { 'ln_f.bias': new Float32Array(3) },
      /^length of ln_f.bias is 3, expected a Float32Array of 128 numbers for \[128\]$/,
    ],
    ['numbers in an array', { 'ln_f.bias': [1, 2] }, /^ln_f.bias is \[1, 2\], expected a Float32Array of 128 numbers/],
    [
      'NaN',
      { 'ln_f.bias': new Float32Array(C).fill(Number.NaN, 5) },
      /^element 5 of ln_f.bias is NaN, expected a finite number$/,
    ],
    [
      'a number beyond f16',
      { 'h.0.attn.c_proj.weight': new Float32Array(C * C).fill(1e5, 7) },
      /^element 7 of h.0.attn.c_proj.weight is 100000, expected less than 65520, for f16 holds no more$/,
    ],
    [
      'a function of too many numbers',
      { 'ln_f.bias': () => new Float32Array(129) },
      /^length of ln_f.bias is 129, expected/,
    ],
    ['a function of nothing', { 'ln_f.bias': () => {} }, /^ln_f.bias is undefined, expected a Float32Array of 128/],
    ['no weights', undefined, /^weights is undefined, expected an object: numbers, or a function of numbers, by name$/],
    ['a Map', new Map(), /^weights is an object of class Map, expected an object/],
  ])('by withWeights is %s', async (_, weights, message) => {
    const { model } = loaded;
    const before = device.liveBuffers;
    const refused = Reflect.apply(model.withWeights, model, [weights]);
    await expect(refused).rejects.toThrow(RangeValueError);
    await expect(refused).rejects.toThrow(message);
    expect(device.liveBuffers).toBe(before);
  });

  test.each([['h.0.ln_1'], ['toString'], [undefined], [3]])('by weights.get is %j', (name) => {
    const { weights } = loaded.model;
    expect(() => Reflect.apply(weights.get, weights, [name])).toThrow(
      /^weight is .*, expected one of the \d+ that weights/,
    );
  });

  test('is a copy for which memory lacks, with the numbers; nothing is left of it', async () => {
    const { model } = loaded;
    const before = device.liveBuffers;
    const free = vi.spyOn(process, 'availableMemory').mockReturnValue(1000);
    const error = await model.withWeights({}).catch((thrown: unknown) => thrown);
    free.mockRestore();
    expect(error).toBeInstanceOf(MemoryError);
    expect(error).toMatchObject({
      available: 1000,
      message: expect.stringMatching(/^replaced weights, KV cache and activations need \d+ bytes/),
    });
    const createBuffer = device.createBuffer.bind(device);
    const refusing = vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
      if (descriptor.label === 'kv.1') throw new Error('no room');
      return createBuffer(descriptor);
    });
    await expect(model.withWeights({ 'ln_f.bias': new Float32Array(C) })).rejects.toThrow('no room');
    refusing.mockRestore();
    expect(device.liveBuffers).toBe(before);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'returns nothing',
      () => undefined,
      /^mapWeight of wte.weight is undefined, expected a Float32Array of \d+ numbers/,
    ],
    [
      'returns another number',
      (_: string, values: Float32Array) => values.subarray(1),
      /^length of mapWeight of wte.weight is \d+, expected/,
    ],
    [
      'makes NaN',
      (_: string, values: Float32Array) => values.fill(Number.NaN),
      /^element 0 of mapWeight of wte.weight is NaN, expected a finite/,
    ],
    ['is none', 'halve', /^mapWeight is "halve", expected a function$/],
  ])('is a mapWeight that %s', async (_, mapWeight, message) => {
    await expect(Reflect.apply(loadTextModel, null, [`${MODELS}/plain`, { mapWeight }])).rejects.toThrow(message);
  });

  test('is no change of the numbers after the call: they are those that it was made with', async () => {
    using other = await load(`${MODELS}/plain`);
    const bias = new Float32Array(128).fill(1);
    const pending = other.model.withWeights({ 'ln_f.bias': bias });
    bias.fill(5);
    using changed = await pending;
    expect(await changed.weights.get('ln_f.bias').read()).toEqual(new Float32Array(128).fill(1));
  });

  test('is a weight to read after the model was closed', async () => {
    const other = await load(`${MODELS}/plain`);
    const weight = other.model.weights.get('ln_f.bias');
    other.model.close();
    await expect(weight.read()).rejects.toThrow('the tensor was closed');
    await expect(other.model.withWeights({})).rejects.toThrow('the model was closed');
    other.close();
  });
});
