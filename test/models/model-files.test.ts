// The files that loading a model reads: an output over one of them is refused by this list.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelFiles } from '../../src/models/model-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Each file that loading a model may read. */
const READ = [
  'chat_template.jinja',
  'config.json',
  'generation_config.json',
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.gguf',
  'model.safetensors',
  'model.safetensors.index.json',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

test('the files of a model are those that loading reads, and none beside them', async () => {
  const directory = temporaryDirectory();
  for (const name of [...READ, 'README.md', 'results.json', 'my_config.json']) writeFileSync(join(directory, name), '');
  const files = await modelFiles(directory);
  expect(files.toSorted()).toEqual(READ.map((name) => join(directory, name)));
});

test('a model that is no directory has none', async () => {
  expect(await modelFiles('random:gpt2')).toEqual([]);
});

test('the files of a GGUF model are those beside its first part, too', async () => {
  const directory = temporaryDirectory();
  const parts = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'].map((name) => join(directory, name));
  for (const path of [...parts, join(directory, 'results.json')]) writeFileSync(path, '');
  expect((await modelFiles(parts[0]!)).toSorted()).toEqual(parts);
});
