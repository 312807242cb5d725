// `roseinfer models` as a process: the bundled model and those in a cache, and whether each runs.
// @module-tag sweep
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commitNamed } from '../support/hub/hub-stub.ts';
import { errorsIn, runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const list = (cache: string, ...args: string[]) =>
  runNode(['src/cli/roseinfer.js', 'models', ...args], { env: { HF_HUB_CACHE: cache, HF_TOKEN: '' } });

/** Puts a model into a cache on its branch main. */
function addModel(cache: string, repo: string, files: Readonly<Record<string, string>>): void {
  const path = join(cache, `models--${repo.replace('/', '--')}`);
  const snapshot = join(path, 'snapshots', commitNamed(repo));
  mkdirSync(join(path, 'refs'), { recursive: true });
  writeFileSync(join(path, 'refs/main'), commitNamed(repo));
  mkdirSync(snapshot, { recursive: true });
  for (const [name, source] of Object.entries(files)) {
    if (source.startsWith('{')) writeFileSync(join(snapshot, name), source);
    else cpSync(source, join(snapshot, name));
  }
}

function makeCache(): string {
  const cache = temporaryDirectory();
  const tales = (name: string) => ({ [name]: `weights/tales/${name}` });
  addModel(cache, 'a/whole', { ...tales('config.json'), ...tales('tokenizer.json'), ...tales('model.safetensors') });
  addModel(cache, 'b/part', tales('config.json'));
  addModel(cache, 'c/bert', { 'config.json': '{"model_type":"bert"}' });
  addModel(cache, 'd/ggufs', {
    'x.gguf': 'test/fixtures/gguf/smol-q4_1.gguf',
    'y.gguf': 'test/fixtures/gguf/smol-f16.gguf',
  });
  return cache;
}

test('lists what is here with sizes and shapes, and says why one does not run', () => {
  const { status, stdout, stderr } = list(makeCache());
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^model +files +shape +weights +runs here$/);
  expect(lines[1]).toMatch(
    /^weights\/tales +14\.\d MiB +L 6, H 4, D 64, C 256, V 8192, context 1024 +f16 +yes, in \d+\.\d MiB$/,
  );
  expect(lines[2]).toMatch(/^a\/whole +14\.\d MiB +L 6, .* yes, in /);
  expect(lines[3]).toMatch(/^b\/part +\d+ B +L 6, .* +- +no$/);
  expect(lines[4]).toMatch(/weights file is missing, expected .*; roseinfer pull b\/part brings them$/);
  expect(lines[6]).toMatch(/^ {2}.*config\.json: model_type is "bert", expected one of/);
  // The tokenizer of these files is cut short: their shape is known all the same.
  expect(lines[7]).toMatch(/^d\/ggufs\/x\.gguf +\d\.\d MiB +L 2, .* no$/);
  expect(lines[8]).toMatch(/x\.gguf: token of byte 9 of tokenizer\.ggml\.tokens is missing, expected/);
  expect(lines[9]).toMatch(/^d\/ggufs\/y\.gguf /);
});

test('prints the same as one JSON object', () => {
  const cache = makeCache();
  const { status, stdout } = list(cache, '--json');
  const report = JSON.parse(stdout);
  expect({ status, ...report }).toMatchObject({ status: 0, schema: 'roseinfer-models-1', cache });
  const judged = report.models.map(({ name, fault }: { name: string; fault: unknown }) => [name, fault === null]);
  expect(judged).toEqual([
    ['weights/tales', true],
    ['a/whole', true],
    ['b/part', false],
    ['c/bert', false],
    ['d/ggufs/x.gguf', false],
    ['d/ggufs/y.gguf', false],
  ]);
  expect(report.models[1]).toMatchObject({
    ...{ commit: commitNamed('a/whole'), architecture: 'GPT-2', dtype: 'f16', memory: expect.any(Number) },
    config: { numLayers: 6 },
  });
});

test('without an adapter no model runs, and the shapes are there all the same', () => {
  const { status, stdout } = list(temporaryDirectory(), '--json', '--adapter', 'no such adapter');
  const [tales] = JSON.parse(stdout).models;
  expect(status).toBe(0);
  expect(tales).toMatchObject({ dtype: 'f16', fault: expect.stringContaining('no such adapter') });
});

test('a cache that can not be read is told in one line', () => {
  const { status, stdout, stderr } = list('/dev/null');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(errorsIn(stderr)).toEqual([
    expect.stringMatching(/^\/dev\/null: cache is unreadable \(ENOTDIR\), expected a directory/),
  ]);
});
