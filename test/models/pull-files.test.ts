// The files of a repository that a model takes: those that loading reads, and nothing of a model that can't run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseRepoName } from '../../src/hub/repo-name.ts';
import { modelFileChooser } from '../../src/models/pull-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CONFIG = readFileSync('weights/tales/config.json', 'utf8');
const SMALL = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];
const OTHERS = [
  'README.md',
  'pytorch_model.bin',
  'flax_model.msgpack',
  'vocab.json',
  'onnx/model.onnx',
  '.gitattributes',
];

/** Chooses among names of files, of which those with a content can be opened; tells which were. */
async function choose(
  name: string,
  contents: Readonly<Record<string, string | Uint8Array>>,
  sizes: Record<string, number> = {},
) {
  const directory = temporaryDirectory();
  const opened: string[] = [];
  const files = Object.entries(contents).map(([path, { length }]) => {
    return { path, size: sizes[path] ?? length, hash: '0'.repeat(40) };
  });
  const open = async ({ path }: { readonly path: string }) => {
    opened.push(path);
    const file = join(directory, path.replaceAll('/', '-'));
    writeFileSync(file, contents[path] ?? '');
    return file;
  };
  const chosen = await modelFileChooser(parseRepoName(name)!)(files, { whole: open, head: open });
  return { chosen: chosen.map(({ path }) => path), opened };
}

const GGUF = readFileSync('test/fixtures/gguf/smol-f16.gguf');
const named = (...names: string[]) => Object.fromEntries(names.map((name) => [name, 'x']));

describe('a model in safetensors takes', () => {
  test('its configuration first, the small files and one file of weights', async () => {
    const { chosen, opened } = await choose('a/b', {
      ...named(...OTHERS, ...SMALL, 'model.safetensors', 'model.safetensors.index.json', 'b.gguf'),
      'config.json': CONFIG,
    });
    expect(chosen).toEqual(['config.json', ...SMALL, 'model.safetensors']);
    expect(opened).toEqual(['config.json']);
  });

  test('the shards that its index names, and no others', async () => {
    const weight_map = { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-1.safetensors' };
    const { chosen } = await choose('a/b', {
      ...named('model-1.safetensors', 'model-2.safetensors', 'consolidated.safetensors'),
      'config.json': CONFIG,
      'model.safetensors.index.json': JSON.stringify({ weight_map }),
    });
    expect(chosen).toEqual([
      'config.json',
      'model.safetensors.index.json',
      'model-1.safetensors',
      'model-2.safetensors',
    ]);
  });
});

describe('a model in GGUF takes', () => {
  test('the only file, or all parts of it, when nothing else can be read', async () => {
    const { chosen, opened } = await choose('a/b', { ...named('README.md', 'config.json'), 'b.gguf': GGUF });
    expect({ chosen, opened }).toEqual({ chosen: ['b.gguf'], opened: ['b.gguf'] });
    const parts = named('q/b-00001-of-00002.gguf', 'q/b-00002-of-00002.gguf');
    expect((await choose('a/b', parts)).chosen).toEqual(Object.keys(parts));
  });

  test('the file that the name has, with its parts', async () => {
    const parts = named('b-q8-00001-of-00002.gguf', 'b-q8-00002-of-00002.gguf', 'model.safetensors');
    const files = { ...parts, 'b-q4.gguf': GGUF };
    expect((await choose('a/b/b-q4.gguf', files)).chosen).toEqual(['b-q4.gguf']);
    expect((await choose('a/b/b-q8-00001-of-00002.gguf', files)).chosen).toHaveLength(2);
  });
});

describe('the beginning of a GGUF file', () => {
  const renamed = Buffer.from(GGUF);
  renamed.write('llamb', renamed.indexOf('llama'));

  test.each([[4096], [1_200_000], [GGUF.length - 1]])(
    'of %i bytes is enough to take a model that runs',
    async (length) => {
      const { chosen } = await choose('a/b', { 'b.gguf': GGUF.subarray(0, length) }, { 'b.gguf': GGUF.length });
      expect(chosen).toEqual(['b.gguf']);
    },
  );

  test.each([[renamed.length], [1_200_000]])(
    'of %i bytes refuses an architecture that does not run, by name',
    async (length) => {
      const files = { 'b.gguf': renamed.subarray(0, length) };
      await expect(choose('a/b', files, { 'b.gguf': renamed.length })).rejects.toThrow(
        /^a\/b\/b\.gguf: general\.architecture is "llamb", expected one of "llama"/,
      );
    },
  );

  test('refuses one of another length than its tensors take', async () => {
    const files = { 'b.gguf': GGUF.subarray(0, 1_200_000) };
    await expect(choose('a/b', files, { 'b.gguf': GGUF.length + 4096 })).rejects.toThrow(
      /^a\/b\/b\.gguf: data is \d+ bytes/,
    );
  });
});

describe('is refused:', () => {
  const config = (changes: object) => JSON.stringify({ ...JSON.parse(CONFIG), ...changes });
  const WEIGHTS = named('model.safetensors');

  test.each<[what: string, name: string, files: Record<string, string>, message: RegExp]>([
    [
      'another architecture',
      'a/b',
      { ...WEIGHTS, 'config.json': config({ model_type: 'bert' }) },
      /^a\/b\/config\.json: model_type is "bert", expected one of/,
    ],
    [
      'a size that is none',
      'a/b',
      { ...WEIGHTS, 'config.json': config({ n_layer: -1 }) },
      /^a\/b\/config\.json: n_layer is -1, expected/,
    ],
    [
      'a configuration that is no JSON',
      'a/b',
      { ...WEIGHTS, 'config.json': '<html>' },
      /^a\/b\/config\.json: file is not JSON/,
    ],
    ['none', 'a/b', WEIGHTS, /^a\/b: config\.json is missing, expected one, or a GGUF file$/],
    [
      'weights of another kind',
      'a/b',
      { ...named('pytorch_model.bin'), 'config.json': CONFIG },
      /^a\/b: weights file is missing among "pytorch_model\.bin", expected model\.safetensors/,
    ],
    ['no weights', 'a/b', { 'config.json': CONFIG }, /^a\/b: weights file is missing, expected/],
    [
      'several GGUF files',
      'a/b',
      named('x.gguf', 'y.gguf'),
      /^a\/b: repository is of several GGUF files \("x\.gguf", "y\.gguf"\), expected one by name: roseinfer pull a\/b\/FILE\.gguf$/,
    ],
    [
      'a GGUF file that is not there',
      'a/b/z.gguf',
      named('x.gguf'),
      /^a\/b: z\.gguf is missing, expected one of "x\.gguf"$/,
    ],
    [
      'a shard that is not there',
      'a/b',
      { 'config.json': CONFIG, 'model.safetensors.index.json': '{"weight_map":{"a":"x"}}' },
      /^a\/b: x is missing, expected a file/,
    ],
    [
      'a shard outside',
      'a/b',
      { 'config.json': CONFIG, 'model.safetensors.index.json': '{"weight_map":{"a":"../x"}}' },
      /shard is "\.\.\/x", expected a file name without directories$/,
    ],
  ])('%s', async (_, name, files, message) => {
    await expect(choose(name, files)).rejects.toThrow(message);
  });
});
