// Models of the family in GGUF files: their weights are those of the model that they were made of, in Hugging Face's order, and give the
// golden logits; files that hold too much, too little or something else are refused.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GGUFError } from '../../../src/formats/gguf/gguf-error.ts';
import { openGGUFFiles } from '../../../src/formats/gguf/gguf-files.ts';
import { modelTensors } from '../../../src/models/architecture.ts';
import { openCheckpoint } from '../../../src/models/checkpoint.ts';
import { gguf } from '../../../src/models/llama/gguf.ts';
import { findModel, openGGUFModel, readModel } from '../../../src/models/registry.ts';
import { openSource } from '../../../src/models/resolve-model.ts';
import { TokenizerError } from '../../../src/tokenizer/tokenizer-error.ts';
import { numElements } from '../../../src/util/math.ts';
import { ModelFileError } from '../../../src/util/model-file-error.ts';
import '../../../src/testing/vitest.ts';
import { errorOf } from '../../support/error-of.ts';
import { ggufBytes, keyOf, tensorEntry } from '../../support/models/gguf-bytes.ts';
import { ggufReference } from '../../support/models/gguf-reference.ts';
import { tolerance } from '../../support/models/golden.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const FIXTURES = 'test/fixtures/gguf';
const GOLDEN = readSafetensors(`${FIXTURES}/golden.safetensors`);

describe.each(['smol-f16', 'smol-q4_1', 'smol-q4_k', 'llama3-q8_0', 'qwen3-f16'])('%s', (name) => {
  test('has the golden logits in float64', async () => {
    const reference = await ggufReference(`${FIXTURES}/${name}.gguf`);
    for (const prompt of [0, 1]) {
      const want = GOLDEN.get(`${name}.logits.${prompt}`)!;
      const { logits } = reference.forward(GOLDEN.get(`${name}.ids.${prompt}`)!);
      expect(logits).toBeWithin(want, tolerance(want), { label: `${name} logits ${prompt}` });
    }
  });
});

describe('weights', () => {
  test.each([
    ['smol-f16', 'smol'],
    ['qwen3-f16', 'qwen3'],
  ])('of %s are those of the model %s, whatever rows are read', async (file, name) => {
    const directory = `test/fixtures/models/${name}`;
    await using want = await openCheckpoint(directory, await readModel(directory));
    const { model, source } = await openGGUFModel(`${FIXTURES}/${file}.gguf`);
    await using _ = source;
    let compared = 0;
    for (const { name: tensor, shape } of modelTensors(model)) {
      expect(source.shape(tensor)).toEqual(shape);
      const [rows = 0] = shape;
      // Some of the rows of a head, some of the next.
      for (const [first, count] of [
        [0, rows],
        [5, 1],
        [rows - 40, 39],
      ] as const) {
        if (first < 0 || first + count > rows) continue;
        const [got, expected] = [0, 1].map(() => new Float32Array(count * numElements(shape.slice(1))));
        await source.readRows(tensor, first, count, got!);
        await want.readRows(tensor, first, count, expected!);
        // The files round f32 and bf16 to f16.
        const same = got!.every((value, i) => value === expected![i] || value === Math.f16round(expected![i]!));
        expect([tensor, first, same]).toEqual([tensor, first, true]);
        compared += got!.length;
      }
    }
    expect(compared).toBeGreaterThan(1e5);
  });

  test('of the architecture llama alone are read in another order than they are stored', async () => {
    const row = async (file: string, headRow: number) => {
      const { source } = await openGGUFModel(`${FIXTURES}/${file}.gguf`);
      await using files = await openGGUFFiles(`${FIXTURES}/${file}.gguf`);
      await using _ = source;
      const stored = files.tensors.get('blk.1.attn_k.weight')!;
      const bytes = new Uint8Array(2 * stored.shape[1]!);
      await stored.file.read(stored, headRow * bytes.length, bytes);
      return Float32Array.from(new Float16Array(bytes.buffer));
    };
    const read = async (file: string, headRow: number) => {
      const { source } = await openGGUFModel(`${FIXTURES}/${file}.gguf`);
      await using _ = source;
      const numbers = new Float32Array(source.shape('layers.1.self_attn.k_proj.weight')[1]!);
      await source.readRows('layers.1.self_attn.k_proj.weight', headRow, 1, numbers);
      return numbers;
    };
    // Row 1 of the second half of a head of 32.
    expect(await read('smol-f16', 17)).toEqual(await row('smol-f16', 3));
    expect(await read('qwen3-f16', 17)).toEqual(await row('qwen3-f16', 17));
  });

  test('that are not there, and rows that a tensor lacks, are refused', async () => {
    const { source } = await openGGUFModel(`${FIXTURES}/smol-f16.gguf`);
    await using _ = source;
    expect(() => source.shape('wte.weight')).toThrow('tensor is "wte.weight", expected a weight of');
    await expect(source.readRows('norm.weight', 288, 1, new Float32Array(1))).rejects.toThrow('numRows is 1');
  });

  test('are stored as their types ask for; those that grow are counted in a notice', async () => {
    const { source, notices } = await openGGUFModel(`${FIXTURES}/smol-q4_k.gguf`);
    await using _ = source;
    const dtypes = ['embed_tokens', 'layers.0.self_attn.q_proj', 'norm'].map((name) =>
      source.dtypeOf(`${name}.weight`),
    );
    expect(dtypes).toEqual(['f32', 'q4', 'f32']);
    expect(notices).toEqual([
      `${FIXTURES}/smol-q4_k.gguf: 3 tensors (3 of Q6_K) are stored as f32 to stay exact; dtype q8 or q4 stores all in fewer bytes`,
    ]);
    await expect(source.readQuantized('embed_tokens.weight', 0, 1)).rejects.toThrow('type of quantized rows is "Q6_K"');
  });

  test('that are quantized have the numbers of their rows, in their order', async () => {
    const { source } = await openGGUFModel(`${FIXTURES}/smol-q4_k.gguf`);
    await using _ = source;
    const name = 'layers.1.self_attn.k_proj.weight';
    const rows = await source.readQuantized(name, 20, 30);
    if (rows.dtype !== 'q4') throw new Error(rows.dtype);
    const want = new Float32Array(30 * 256);
    await source.readRows(name, 20, 30, want);
    const { scales, minimums } = rows;
    const got = Array.from(rows.values, (value, i) => Math.fround(value * scales[i >> 5]! - minimums[i >> 5]!));
    expect(got).toEqual(Array.from(want));
    await expect(source.readQuantized(name, 60, 5)).rejects.toThrow('numRows is 5, expected an integer in [0, 4]');
  });
});

describe('a name of a model', () => {
  const path = `${FIXTURES}/qwen3-f16.gguf`;

  test('may be a GGUF file', async () => {
    expect(await findModel(path)).toMatchObject({ isRandom: false, model: { config: { numLayers: 3 } } });
    const { model, source, eosIds, tokenizer, notices } = await openSource(withoutTokenizer());
    await using _ = source;
    expect(model.config.numLayers).toBe(3);
    expect(eosIds).toEqual([339]);
    expect(tokenizer.vocabSize).toBe(340);
    expect(notices).toEqual([]);
  });

  test('may be a GGUF file whose tokenizer is not understood only where weights alone are asked for', async () => {
    const { source } = await openGGUFModel(path);
    await source.close();
    await expect(openSource(path)).rejects.toThrow(TokenizerError);
  });

  /** Writes the file without the model of its dummy of a tokenizer. */
  function withoutTokenizer(): string {
    const copy = join(temporaryDirectory(), 'm.gguf');
    const bytes = readFileSync(path);
    bytes.write('tokenizer.ggml.other', bytes.indexOf('tokenizer.ggml.model'));
    writeFileSync(copy, bytes);
    return copy;
  }

  test('may be a directory with one', async () => {
    const dir = temporaryDirectory();
    copyFileSync(path, join(dir, 'any.gguf'));
    expect(await findModel(dir)).toMatchObject({ model: { config: { numLayers: 3 } } });
    writeFileSync(join(dir, 'config.json'), '{"model_type": "x"}');
    await expect(findModel(dir)).rejects.toThrow('model_type is "x"');
  });

  test('may be a directory with the parts of one, but not with two', async () => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'm-00001-of-00002.gguf'), '');
    writeFileSync(join(dir, 'm-00002-of-00002.gguf'), '');
    await expect(findModel(dir)).rejects.toThrow(`${join(dir, 'm-00001-of-00002.gguf')}: file is 0 bytes long`);
    writeFileSync(join(dir, 'n.gguf'), '');
    await expect(findModel(dir)).rejects.toThrow(
      `${dir}: directory is of several GGUF files ("m-00001-of-00002.gguf", `,
    );
  });

  test('that ends in .gguf is refused where it is no such file', async () => {
    const dir = join(temporaryDirectory(), 'x.gguf');
    await expect(openSource(dir)).rejects.toThrow(`${dir}: file is missing, expected a GGUF file`);
    mkdirSync(dir);
    await expect(openSource(dir)).rejects.toThrow(`${dir}: file is a directory, expected a GGUF file`);
  });
});

describe('a file is refused', () => {
  const whole = readFileSync(`${FIXTURES}/qwen3-f16.gguf`);

  /** Message for the file with a text of its header replaced by another of the same length. */
  async function refusal(text: string, replacement: string): Promise<string> {
    expect(replacement.length).toBe(text.length);
    const path = join(temporaryDirectory(), 'm.gguf');
    const bytes = Buffer.from(whole);
    const at = bytes.indexOf(text);
    expect(at).toBeGreaterThan(0);
    bytes.write(replacement, at);
    writeFileSync(path, bytes);
    const error = await errorOf(() => openSource(path));
    if (!(error instanceof ModelFileError)) throw error;
    expect(error.message).not.toContain('\n');
    return error.message.replace(path, 'FILE');
  }

  test.each([
    ['qwen3', 'gemma', 'FILE: general.architecture is "gemma", expected one of "llama", "qwen2", "qwen3"'],
    [
      'general.architecture',
      'general.architectur2',
      'FILE: general.architecture is missing, expected one of "llama", ',
    ],
    [
      'blk.1.attn_k.weight',
      'blk.1.attn_j.weight',
      'FILE: tensor "blk.1.attn_k.weight": weight is missing, expected one of shape [64, 80]',
    ],
    [
      'blk.2.attn_q_norm.weight',
      'blk.3.attn_q_norm.weight',
      'FILE: tensor "blk.2.attn_q_norm.weight": weight is missing, expected one of shape [32]',
    ],
    [
      'blk.1.ffn_up.weight',
      'blk.0.ffn_up.weight',
      'FILE: tensor "blk.0.ffn_up.weight": entry is given twice, expected once',
    ],
  ])('with %s replaced by %s', async (text, replacement, message) => {
    expect(await refusal(text, replacement)).toContain(message);
  });

  test('with a tensor that the model does not have', async () => {
    const bytes = Buffer.from(whole);
    // The last of three layers is one too many.
    bytes.writeUInt32LE(2, bytes.indexOf('qwen3.block_count') + 'qwen3.block_count'.length + 4);
    const path = join(temporaryDirectory(), 'm.gguf');
    writeFileSync(path, bytes);
    await expect(openSource(path)).rejects.toThrow(
      /: tensor "blk\.2\.\w+\.weight": name is unknown, expected a tensor of a Llama with 2 layers$/,
    );
  });

  test('with a vector in blocks, and one of another shape', async () => {
    const keys = Object.entries({
      'llama.block_count': 1,
      'llama.context_length': 8,
      'llama.embedding_length': 64,
      'llama.feed_forward_length': 64,
      'llama.attention.head_count': 2,
      'llama.attention.layer_norm_rms_epsilon': 0.5,
      'llama.vocab_size': 1,
    }).map(([key, value]) => keyOf(key, value));
    const path = join(temporaryDirectory(), 'm.gguf');
    const write = (type: number, sizes: number[]) => {
      const tensors = [
        tensorEntry('token_embd.weight', [64, 1], 0, 0),
        tensorEntry('output_norm.weight', sizes, type, 256),
      ];
      const data = 256 + (type === 8 ? 68 : 4 * sizes[0]!);
      writeFileSync(path, ggufBytes({ keys: [keyOf('general.architecture', 'llama'), ...keys], tensors, data }));
    };
    write(8, [64]);
    await expect(openSource(path)).rejects.toThrow(
      'tensor "output_norm.weight": type is Q8_0, expected F32, F16 or BF16 for a vector',
    );
    write(0, [32]);
    await expect(openSource(path)).rejects.toThrow(
      'tensor "output_norm.weight": shape is [32], expected [64] by the config',
    );
  });

  test('that is cut anywhere', async () => {
    const path = join(temporaryDirectory(), 'm.gguf');
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 60)) {
      writeFileSync(path, whole.subarray(0, length));
      expect(await errorOf(() => openSource(path))).toBeInstanceOf(GGUFError);
    }
  });

  test('without leaving a file open', async () => {
    const before = readdirSync('/proc/self/fd').length;
    await refusal('qwen3', 'gemma');
    await refusal('blk.1.attn_k.weight', 'blk.1.attn_j.weight');
    await errorOf(() => openSource(`${FIXTURES}/qwen3-f16.gguf`)); // its tokenizer
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});

test('every tensor of a file is one of the model', async () => {
  await using files = await openGGUFFiles(`${FIXTURES}/qwen3-f16.gguf`);
  const { layout } = await gguf.read(files, 'qwen3');
  const { model, source } = await openGGUFModel(`${FIXTURES}/qwen3-f16.gguf`);
  await source.close();
  const names = [...modelTensors(model)].map(({ name }) => layout.nameOf(name));
  expect(new Set(names)).toEqual(new Set(files.tensors.keys()));
  expect(layout.nameOf('layers.3.self_attn.q_proj.bias')).toBe('blk.3.attn_q.bias');
});
