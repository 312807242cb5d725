// Hostile things in place of a model's files: each is refused by its name, without waiting for it and without reading
// it all.
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, ftruncateSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError } from '../../src/models/config.ts';
import { readModel } from '../../src/models/registry.ts';
import { openSource } from '../../src/models/resolve-model.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { ModelFileError } from '../../src/util/model-file-error.ts';
import { errorOf } from '../support/error-of.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Puts something at a path. */
const things: Readonly<Record<string, readonly [put: (path: string) => unknown, found: string]>> = {
  'a named pipe': [(path) => execFileSync('sh', ['-c', 'mkfifo "$0"', path]), 'a named pipe'],
  'a link to a named pipe': [
    (path) => {
      execFileSync('sh', ['-c', 'mkfifo "$0"', `${path}.pipe`]);
      symlinkSync(`${path}.pipe`, path);
    },
    'a named pipe',
  ],
  'a directory': [(path) => mkdirSync(path), 'a directory'],
  'a device': [(path) => symlinkSync('/dev/zero', path), 'a device'],
  'a socket': [listen, 'a socket'],
  'a dangling link': [(path) => symlinkSync('gone.bin', path), 'a link to "gone.bin", which is missing'],
  'a loop of links': [(path) => symlinkSync(path, path), 'unreadable (ELOOP)'],
};

function listen(path: string): Promise<void> {
  const server = createServer();
  onTestFinished(() => void server.close());
  return new Promise((resolve) => server.listen(path, resolve));
}

const MODELS = 'test/fixtures/models';
/** A file, and a fixture that reads it. */
const files: readonly (readonly [file: string, fixture: string])[] = [
  ['config.json', `${MODELS}/two`],
  ['generation_config.json', `${MODELS}/two`],
  ['tokenizer.json', `${MODELS}/two`],
  ['tokenizer_config.json', 'weights/gpt2'],
  ['model.safetensors', `${MODELS}/two`],
  ['model.safetensors.index.json', `${MODELS}/sharded`],
  ['model-00002-of-00002.safetensors', `${MODELS}/sharded`],
];

async function modelWith(file: string, fixture: string, put: (path: string) => unknown): Promise<string> {
  const dir = temporaryDirectory();
  cpSync(fixture, dir, { recursive: true });
  rmSync(join(dir, file), { force: true });
  await put(join(dir, file));
  return dir;
}

describe.each(files)('%s of %s', (file, fixture) => {
  test.each(Object.entries(things))('may not be %s', async (_, [put, found]) => {
    const dir = await modelWith(file, fixture, put);
    const error = await errorOf(() => openSource(dir));
    expect(error).toBeInstanceOf(ModelFileError);
    expect(String(error)).toContain(`${join(dir, file)}: file is ${found}, expected a`);
  });
});

test.each(Object.entries(things))('a GGUF file may not be %s', async (_, [put, found]) => {
  const path = join(temporaryDirectory(), 'model.gguf');
  await put(path);
  const error = await errorOf(() => openSource(path));
  expect(error).toBeInstanceOf(ModelFileError);
  expect(String(error)).toContain(`${path}: file is ${found}, expected a GGUF file`);
});

test.each(files.filter(([file]) => file.endsWith('.json')))(
  '%s may not be too large to read',
  async (file, fixture) => {
    const dir = await modelWith(file, fixture, (path) => {
      const descriptor = openSync(path, 'w');
      ftruncateSync(descriptor, 2 ** 40); // a hole
      closeSync(descriptor);
    });
    await expect(openSource(dir)).rejects.toThrow(
      `${join(dir, file)}: file is ${2 ** 40} bytes long, expected at most 100000000`,
    );
  },
);

test('a link to a file will do', async () => {
  const dir = await modelWith('config.json', `${MODELS}/two`, (path) => {
    symlinkSync(join(import.meta.dirname, '../fixtures/models/two/config.json'), path);
  });
  const { source } = await openSource(dir);
  await source.close();
});

test('text that is no UTF-8 is refused', async () => {
  const dir = await modelWith('config.json', `${MODELS}/two`, (path) => writeFileSync(path, Uint8Array.of(123, 255)));
  await expect(readModel(dir)).rejects.toThrow('config.json: file is not UTF-8, expected a JSON object');
});

describe('sizes that no memory holds', () => {
  const sizes = { n_layer: 2, n_head: 2, n_embd: 128, vocab_size: 320, n_positions: 128 };
  const hostile: readonly (readonly [object, string])[] = [
    [{ n_layer: 3e6 }, 'h.2.ln_1.weight'],
    [{ n_layer: Number.MAX_SAFE_INTEGER }, 'h.2.ln_1.weight'],
    [{ vocab_size: 2 ** 40 }, 'wte.weight'],
    [{ n_positions: 1e12 }, 'wpe.weight'],
    [{ n_inner: 1e12 }, 'h.0.mlp.c_fc.weight'],
    [{ n_embd: 2e9, n_head: 1e9 }, 'wte.weight'],
  ];
  const put = (change: object) => (path: string) => writeFileSync(path, JSON.stringify({ ...sizes, ...change }));

  test.each(hostile)('are refused by what the files hold: %j', async (change, tensor) => {
    const dir = await modelWith('config.json', `${MODELS}/plain`, put(change));
    const error = await errorOf(() => openSource(dir));
    expect(error).toBeInstanceOf(ModelFileError);
    expect(String(error)).toContain(dir);
    expect(error).toMatchObject({ tensor: expect.stringMatching(new RegExp(`^(transformer\\.)?${tensor}$`)) });
  });

  test.each(hostile.filter(([change]) => !('n_layer' in change)))(
    'are refused where there is only a config.json: %j',
    async (change, tensor) => {
      const dir = await modelWith('config.json', `${MODELS}/plain`, put(change));
      const error = await errorOf(() => readModelShape(dir, { dtype: 'f32' }));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ path: join(dir, 'config.json'), tensor });
    },
  );

  test('are refused as numbers that are none', async () => {
    for (const text of ['1e400', '9007199254740993', '-1', '"3"', '2.5', 'null', '[2]']) {
      const json = JSON.stringify({ ...sizes, n_layer: 'N' }).replace('"N"', text);
      const dir = await modelWith('config.json', `${MODELS}/plain`, (path) => writeFileSync(path, json));
      await expect(readModel(dir)).rejects.toThrow('config.json: n_layer is ');
    }
  });
});

test('a message quotes no more of a file than a line holds', async () => {
  const long = 'x'.repeat(1e6);
  const changes = [
    { model_type: long },
    { n_layer: [long] },
    { eos_token_id: { [long]: 1 } },
    { activation_function: long },
  ];
  for (const change of changes) {
    const sizes = { n_layer: 2, n_head: 2, n_embd: 128, vocab_size: 320, n_positions: 128 };
    const text = JSON.stringify({ ...sizes, ...change });
    const dir = await modelWith('config.json', `${MODELS}/plain`, (path) => writeFileSync(path, text));
    const error = await errorOf(() => readModel(dir));
    expect(String(error).length).toBeLessThan(dir.length + 300);
  }
});
