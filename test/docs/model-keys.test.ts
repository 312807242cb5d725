// The tables of docs/models.md on keys and types say what the code does, row by row.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TENSOR_TYPES } from '../../src/formats/gguf/tensor-types.ts';
import { storageOfType } from '../../src/models/gguf-storage.ts';
import { LLAMA_MODEL_TYPES, parseLlamaConfig } from '../../src/models/llama/config.ts';
import { READ_KEYS } from '../../src/models/llama/config-keys.ts';
import { RANDOM_CONFIGS } from '../../src/models/llama/random-configs.ts';

const page = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');

/** Returns the rows of the table whose header begins so: the names in code of the first column, and the second column. */
function rowsOf(header: string): (readonly [names: string[], text: string])[] {
  const [, table = ''] = page.split(`\n| ${header}`);
  const [, , ...rows] = table.split('\n\n')[0]!.split('\n');
  return rows.map((row) => {
    const [, first = '', second = ''] = row.split('|');
    return [namesIn(first), second.trim()] as const;
  });
}

function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

const sizes = {
  model_type: 'llama',
  num_hidden_layers: 2,
  num_attention_heads: 4,
  hidden_size: 64,
  intermediate_size: 100,
  vocab_size: 50,
  max_position_embeddings: 128,
};

test('the keys that are honoured are those that the parser reads', () => {
  expect(
    rowsOf('key | values')
      .flatMap(([keys]) => keys.filter((key) => READ_KEYS.has(key)))
      .sort(),
  ).toEqual([...READ_KEYS].sort());
});

const refused = rowsOf('key | other neutral values').flatMap(([keys, values]) =>
  keys.map((key) => ({ key, neutral: values === 'none' ? [] : values.split(', ').map((value) => JSON.parse(value)) })),
);

test('there are rows of keys that are refused', () => expect(refused.length).toBeGreaterThan(30));

describe.each(refused)('$key', ({ key, neutral }) => {
  const parse = (value: unknown) => parseLlamaConfig({ ...sizes, [key]: value }, 'config.json');

  test('is read past with a neutral value', () => {
    for (const value of [...neutral, null, [], {}]) expect(parse(value).ignoredKeys).toEqual([]);
  });

  test('is refused with any other value', () => {
    for (const value of [0.5, 2, true, 'other', [2]]) expect(() => parse(value)).toThrow(`${key} is `);
    for (const value of [0, 1, false]) if (!neutral.includes(value)) expect(() => parse(value)).toThrow(`${key} is `);
  });
});

test('every type of GGUF has the storage of its row', () => {
  const rows = rowsOf('type in the file').flatMap(([types, storage]) => types.map((type) => [type, storage]));
  const types = [...TENSOR_TYPES.values()].map((type) => [type.name, storageOfType(type)]);
  expect(rows.sort()).toEqual(types.sort());
});

test('all model types and random shapes of the family are named', () => {
  for (const type of LLAMA_MODEL_TYPES) expect(page).toContain(`\`${type}\``);
  for (const name of RANDOM_CONFIGS.keys()) expect(page).toContain(`\`random:${name}\``);
});
