// GGUF files read back by a reader written from the format: weights are the model's within the rounding of their type.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeGgml, type GgmlType } from '../../../bench/peers/ggml-type.ts';
import { writeGguf } from '../../../bench/peers/gguf-model.ts';
import { type ModelDefinition, modelTensors } from '../../../src/models/architecture.ts';
import { RandomCheckpoint } from '../../../src/models/random-checkpoint.ts';
import { parseModel } from '../../../src/models/registry.ts';
import { numElements } from '../../../src/util/math.ts';
import { readGguf } from './read-gguf.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-gguf-'));
});

afterAll(() => rm(directory, { recursive: true }));

const json = { n_layer: 2, n_head: 2, n_embd: 32, n_inner: 96, vocab_size: 40, n_positions: 16, eos_token_id: 7 };

/** Every weight of a model as it is, in f64. */
async function weightsOf(model: ModelDefinition, source: RandomCheckpoint) {
  const weights = new Map<string, number[]>();
  for (const { name, shape } of modelTensors(model)) {
    const out = new Float32Array(numElements(shape));
    await source.readRows(name, 0, shape[0] ?? 0, out);
    weights.set(name, [...out]);
  }
  return weights;
}

async function writeAndRead(extra: object, type: GgmlType) {
  const model = parseModel({ ...json, ...extra }, 'test');
  const source = new RandomCheckpoint(model, 3);
  const path = join(directory, 'model.gguf');
  await writeGguf(path, model, source, type);
  return { file: readGguf(await readFile(path)), weights: await weightsOf(model, source) };
}

/** ggml's names as its gpt2 has them. */
const LAYER = [
  ['attn_norm', 'ln_1'],
  ['attn_qkv', 'attn.c_attn'],
  ['attn_output', 'attn.c_proj'],
  ['ffn_norm', 'ln_2'],
  ['ffn_up', 'mlp.c_fc'],
  ['ffn_down', 'mlp.c_proj'],
] as const;

describe('writeGguf', () => {
  test('writes the sizes of the model and a placeholder vocabulary for llama.cpp', async () => {
    const { file } = await writeAndRead({}, 'F32');
    expect(Object.fromEntries(file.metadata)).toEqual({
      'general.architecture': 'gpt2',
      'gpt2.block_count': 2,
      'gpt2.context_length': 16,
      'gpt2.embedding_length': 32,
      'gpt2.feed_forward_length': 96,
      'gpt2.attention.head_count': 2,
      'gpt2.attention.layer_norm_epsilon': Math.fround(1e-5),
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.tokens': Array.from({ length: 40 }, (_, id) => `<${id}>`),
      'tokenizer.ggml.token_type': Array.from({ length: 40 }, (_, id) => (id === 7 ? 3 : 1)),
      'tokenizer.ggml.merges': [],
      'tokenizer.ggml.bos_token_id': 7,
      'tokenizer.ggml.eos_token_id': 7,
    });
  });

  // Rounding: none in f32; half a unit in the last of 11 bits in f16, below 2^-25 for denormal ones; half a step of
  // largest / 127 in Q8_0, the scale itself rounded to f16, which moves 127 steps by 127 · 2^-11 of a step at most.
  test.each([
    ['F32', () => 0],
    ['F16', (value: number) => Math.max(Math.abs(value) * 2 ** -11, 2 ** -25)],
    ['Q8_0', (_: number, largest: number) => (largest / 127) * (0.5 + 127 * 2 ** -11)],
  ] as const)('writes every weight once, matrices in %s with a row for each output', async (type, bound) => {
    const { file, weights } = await writeAndRead({}, type);
    const names = [
      ['token_embd.weight', 'wte.weight', false],
      ['position_embd.weight', 'wpe.weight', false],
      ...['weight', 'bias'].map((part) => [`output_norm.${part}`, `ln_f.${part}`, false]),
      ...[0, 1].flatMap((l) =>
        LAYER.flatMap(([ggml, name]) => [
          [`blk.${l}.${ggml}.weight`, `h.${l}.${name}.weight`, !name.startsWith('ln')],
          [`blk.${l}.${ggml}.bias`, `h.${l}.${name}.bias`, false],
        ]),
      ),
    ] as const;
    expect(new Set(file.tensors.keys())).toEqual(new Set(names.map(([ggml]) => ggml)));
    const shapes = new Map([...modelTensors(parseModel(json, 'test'))].map(({ name, shape }) => [name, shape]));
    for (const [ggml, name, transposed] of names) {
      const [rows = 1, columns = 1] = shapes.get(String(name)) ?? [];
      const want = weights.get(String(name)) ?? [];
      const { ne, values } = file.tensors.get(String(ggml)) ?? { ne: [], values: [] };
      expect(ne, String(ggml)).toEqual(columns === 1 ? [rows] : transposed ? [rows, columns] : [columns, rows]);
      const isStored = columns > 1 && name !== 'wpe.weight';
      const largest = Math.max(...want.map(Math.abs));
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const value = want[row * columns + column]!;
          const got = values[transposed ? column * rows + row : row * columns + column]!;
          const limit = isStored ? bound(value, largest) : 0;
          expect(Math.abs(got - value), `${ggml} [${row}, ${column}]`).toBeLessThanOrEqual(limit);
        }
      }
    }
  });

  test('writes an untied head', async () => {
    const { file, weights } = await writeAndRead({ tie_word_embeddings: false }, 'F32');
    expect(file.tensors.get('output.weight')).toEqual({ ne: [32, 40], values: weights.get('lm_head.weight') });
  });

  test.each([
    [{ activation_function: 'relu' }, "llama.cpp's gpt2 has no relu, only gelu_new"],
    [{ scale_attn_weights: false }, "llama.cpp's gpt2 scales attention scores by 1/√D and nothing else"],
    [{ scale_attn_by_inverse_layer_idx: true }, "llama.cpp's gpt2 scales attention scores by 1/√D and nothing else"],
  ])('refuses a model that llama.cpp would compute otherwise: %j', async (extra, message) => {
    await expect(writeAndRead(extra, 'F32')).rejects.toThrow(expect.objectContaining({ name: 'PeerError', message }));
  });

  test('refuses rows that do not fill whole blocks of Q8_0', async () => {
    await expect(writeAndRead({ n_embd: 34 }, 'Q8_0')).rejects.toThrow(
      'row length is 34, expected a multiple of 32 for Q8_0',
    );
  });
});

describe('encodeGgml', () => {
  test('gives a block of zeros in Q8_0 the scale zero', () => {
    expect(encodeGgml('Q8_0', new Float32Array(32))).toEqual(new Uint8Array(34));
  });
});
