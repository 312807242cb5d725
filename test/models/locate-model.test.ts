// From the name of a model of the hub to the files in the cache: whoever brought them, and without a request.
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { locateModel } from '../../src/models/locate-model.ts';
import { modelFiles } from '../../src/models/model-files.ts';
import { findModel } from '../../src/models/registry.ts';
import { openSource } from '../../src/models/resolve-model.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { commitNamed } from '../support/hub/hub-stub.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const commit = commitNamed('first');
let cache: string;

beforeEach(() => {
  cache = temporaryDirectory();
  vi.stubEnv('HF_HUB_CACHE', cache);
});
afterEach(() => void vi.unstubAllEnvs());

/** Puts a model into the cache, as the Python client leaves it. */
function addModel(repo: string, files = 'weights/tales', ref = 'main'): string {
  const path = join(cache, `models--${repo.replace('/', '--')}`);
  mkdirSync(join(path, 'snapshots'), { recursive: true });
  mkdirSync(join(path, 'refs'), { recursive: true });
  cpSync(files, join(path, 'blobs'), { recursive: true });
  symlinkSync('../blobs', join(path, 'snapshots', commit));
  writeFileSync(join(path, 'refs', ref), commit);
  return join(path, 'snapshots', commit);
}

test('a name of the hub leads to the snapshot of its branch, tag or commit', async () => {
  const path = addModel('someone/tales');
  for (const name of ['someone/tales', 'someone/tales@main', `someone/tales@${commit}`]) {
    expect(await locateModel(name)).toBe(path);
  }
  mkdirSync(join(path, 'q4'));
  writeFileSync(join(path, 'q4/a.gguf'), '');
  expect(await locateModel('someone/tales/q4/a.gguf')).toBe(join(path, 'q4/a.gguf'));
  expect(await locateModel('someone/tales/q4/b.gguf')).toBe('someone/tales/q4/b.gguf');
  for (const name of [
    'someone/tales@v1',
    'someone/other',
    'weights/tales',
    'random:gpt2',
    '/someone/tales',
    'nowhere',
  ]) {
    expect(await locateModel(name)).toBe(name);
  }
});

test('a path that exists comes before a model of the same name, and a note that is no commit leads nowhere', async () => {
  addModel('weights/tales');
  expect(await locateModel('weights/tales')).toBe('weights/tales');
  writeFileSync(join(addModel('a/b'), '../../refs/main'), '../../../etc');
  expect(await locateModel('a/b')).toBe('a/b');
});

test('the name of the bundled model leads to the package from any folder, and a path of that name comes first', async () => {
  addModel('weights/tales');
  const start = process.cwd();
  using _ = { [Symbol.dispose]: () => process.chdir(start) };
  process.chdir(temporaryDirectory());
  expect(await locateModel('weights/tales')).toBe(join(start, 'weights/tales'));
  mkdirSync('weights/tales', { recursive: true });
  expect(await locateModel('weights/tales')).toBe('weights/tales');
});

test('every reader of names takes it', async () => {
  const path = addModel('someone/tales');
  const { source, tokenizer } = await openSource('someone/tales');
  await source.close();
  expect(tokenizer.encode('Once upon a time').length).toBeGreaterThan(0);
  expect((await findModel('someone/tales')).model.config).toEqual((await findModel('weights/tales')).model.config);
  expect((await readModelShape('someone/tales')).model.config.numLayers).toBeGreaterThan(0);
  expect(await modelFiles('someone/tales')).toContain(join(path, 'model.safetensors'));
});

test.each([
  ['package.json', 'a file'],
  ['docs/doctor.md', 'a file'],
  ['src', 'missing'],
  ['src/cli', 'missing'],
  ['weights/gpt2', 'weights file is missing'],
  ['nowhere.json', 'missing'],
  ['nowhere.gguf', 'missing'],
  ['weights/nowhere.safetensors', 'missing'],
])('no pull is advised where something else is, or for the name of a file: %s', async (name, found) => {
  const message = String(await openSource(name).catch((error: unknown) => error));
  expect(message).toContain(found);
  expect(message).not.toContain('roseinfer pull');
});

test('a GGUF file of a repository that is not there is told with the command that brings it', async () => {
  const brings = 'missing, expected a GGUF file, or a model of the hub: roseinfer pull someone/tales/q8.gguf brings it';
  await expect(openSource('someone/tales/q8.gguf')).rejects.toThrow(brings);
  addModel('someone/tales');
  await expect(openSource('someone/tales/q8.gguf')).rejects.toThrow(brings);
});

test('one that is not there is told with the command that brings it, and so are weights that are missing', async () => {
  const brings = 'or a model of the hub: roseinfer pull someone/tales brings it';
  await expect(openSource('someone/tales')).rejects.toThrow(`someone/tales: model directory is missing, expected`);
  await expect(openSource('someone/tales')).rejects.toThrow(brings);
  await expect(openSource('./someone/tales')).rejects.not.toThrow('pull');
  const part = temporaryDirectory();
  cpSync('weights/tales/config.json', join(part, 'config.json'));
  addModel('someone/tales', part);
  await expect(openSource('someone/tales')).rejects.toThrow(
    /weights file is missing, expected .*; roseinfer pull someone\/tales brings them$/,
  );
});
