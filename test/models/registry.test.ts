// The choice of an architecture by model_type, and the published shapes of random: names.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/models/config.ts';
import { gpt2 } from '../../src/models/gpt2/gpt2.ts';
import {
  configNotices,
  findModel,
  parseModel,
  RANDOM_EXAMPLE,
  randomModel,
  randomNames,
  readModel,
} from '../../src/models/registry.ts';
import { errorOf } from '../support/error-of.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const sizes = { n_layer: 2, n_head: 3, n_embd: 12, vocab_size: 100, n_positions: 16 };

describe('model_type', () => {
  test('picks the architecture, the first where it is missing', () => {
    const other = { ...gpt2, name: 'Other', modelTypes: ['other'], define: () => parseModel(sizes, 'other') };
    expect(parseModel(sizes, 'config.json').architecture).toBe('GPT-2');
    expect(parseModel({ ...sizes, model_type: 'gpt2' }, 'config.json').architecture).toBe('GPT-2');
    expect(() => parseModel({ model_type: 'gpt2' }, 'config.json', [other])).toThrow(
      'model_type is "gpt2", expected "other"',
    );
    expect(parseModel({ model_type: 'other' }, 'config.json', [gpt2, other]).config.numHeads).toBe(3);
  });

  test.each(['gemma', 'toString', null, 1])('that no architecture has is refused: %j', (model_type) => {
    const parse = () => parseModel({ ...sizes, model_type }, 'config.json');
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(
      `config.json: model_type is ${JSON.stringify(model_type)}, expected one of "gpt2", "llama", "mistral", "qwen2", "qwen3"`,
    );
  });
});

test('ignored keys of config.json are counted in one line, which names the first five', () => {
  const model = parseModel(sizes, 'config.json');
  const noticesOf = (ignoredKeys: string[]) =>
    configNotices('dir', { ...model, config: { ...model.config, ignoredKeys } });
  expect(noticesOf([])).toEqual([]);
  expect(noticesOf(['a\nb'])).toEqual(['dir/config.json: 1 key is not understood and ignored: "a\\nb"']);
  expect(noticesOf([...'abcdefg'])).toEqual([
    'dir/config.json: 7 keys are not understood and ignored: "a", "b", "c", "d", "e" and 2 more',
  ]);
});

describe('readModel', () => {
  test('reads config.json of the directory', async () => {
    expect((await readModel('weights/tales')).config).toMatchObject({
      numLayers: 6,
      hiddenSize: 256,
      eosTokenIds: [8191],
    });
  });

  test('names a directory, then a file, that is missing', async () => {
    const dir = temporaryDirectory();
    await expect(readModel(join(dir, 'x'))).rejects.toThrow(`${join(dir, 'x')}: model directory is missing, expected`);
    await expect(readModel(dir)).rejects.toThrow(`${join(dir, 'config.json')}: file is missing, expected`);
  });

  test.each([
    ['{"n_layer": 1', 'file is not JSON, expected a JSON object'],
    ['[]', 'file is [], expected a JSON object'],
    ['{"n_head": 1, "n_head": 2}', 'key "n_head" is given twice, expected once'],
  ])('refuses the text %s', async (text, message) => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'config.json'), text);
    const error = await errorOf(() => readModel(dir));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('message', `${join(dir, 'config.json')}: ${message}`);
  });
});

test('a name is that of a random model after its prefix, else a directory', async () => {
  const random = await findModel('random:gpt2');
  expect(random).toMatchObject({ isRandom: true, tokenizer: 'weights/gpt2', model: { config: { numLayers: 12 } } });
  const directory = await findModel('weights/tales');
  expect(directory).toMatchObject({ isRandom: false, model: { config: { numLayers: 6 } } });
  await expect(findModel('random:')).rejects.toThrow('random model is "", expected one of gpt2');
  await expect(findModel('gpt2')).rejects.toThrow('model directory is missing');
});

test('randomModel has the shapes of the published models', () => {
  const names = ['gpt2', 'gpt2-medium', 'gpt2-large', 'gpt2-xl'];
  expect(
    names
      .map((name) => randomModel(name).model.config)
      .map((c) => [c.numLayers, c.numHeads, c.headDim, c.mlpSize, c.vocabSize]),
  ).toEqual([
    [12, 12, 64, 3072, 50257],
    [24, 16, 64, 4096, 50257],
    [36, 20, 64, 5120, 50257],
    [48, 25, 64, 6400, 50257],
  ]);
});

test('the names of random models are those of every architecture, in short', () => {
  const configs = new Map([
    ['big', {}],
    ['small', {}],
  ]);
  const other = { ...gpt2, random: { configs, tokenizer: '' } };
  const { random: _, ...without } = gpt2;
  expect(randomNames()).toBe(
    'random:gpt2[-medium|-large|-xl] or random:smollm2-135m or random:llama-3.2-1b or random:qwen3-0.6b',
  );
  expect(randomNames([gpt2, without, other])).toBe('random:gpt2[-medium|-large|-xl] or random:big or random:small');
  expect(RANDOM_EXAMPLE).toBe('random:gpt2');
});

test('randomModel lists what there is when the name is unknown', () => {
  const message = 'random model is "gpt3", expected one of gpt2, gpt2-medium, gpt2-large, gpt2-xl';
  expect(() => randomModel('gpt3')).toThrow(message);
});
