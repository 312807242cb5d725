// Models in several GGUF files: every part is opened by the name of the first, and none may be missing or of another model.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GGUFError } from '../../../src/formats/gguf/gguf-error.ts';
import { openGGUFFiles } from '../../../src/formats/gguf/gguf-files.ts';
import { readTensor } from '../../../src/formats/gguf/read-tensor.ts';
import { errorOf } from '../../support/error-of.ts';
import { f32, ggufBytes, keyOf, tensorEntry } from '../../support/models/gguf-bytes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const partName = (number: number) => `model-0000${number}-of-00003.gguf`;

/** Writes a model of three parts with a tensor each; `edit` changes the keys of one. */
function splitModel(edit: (keys: Record<string, number | string>, index: number) => void = () => {}): string {
  const dir = temporaryDirectory();
  for (const index of [0, 1, 2]) {
    const keys: Record<string, number | string> = { 'split.no': index, 'split.count': 3, 'split.tensors.count': 3 };
    if (index === 0) keys['general.architecture'] = 'llama';
    edit(keys, index);
    const { name = `t${index}`, ...others } = keys;
    const bytes = ggufBytes({
      keys: Object.entries(others).map(([key, value]) => keyOf(key, value)),
      tensors: [tensorEntry(String(name), [1], 0, 0)],
      data: f32(index + 0.5),
    });
    writeFileSync(join(dir, partName(index + 1)), bytes);
  }
  return dir;
}

async function refusal(dir: string, name = partName(1)): Promise<string> {
  const error = await errorOf(() => openGGUFFiles(join(dir, name)));
  if (!(error instanceof GGUFError)) throw error;
  return error.message.replace(`${dir}/`, '');
}

test('the parts are one model, with the metadata of the first', async () => {
  const dir = splitModel();
  await using files = await openGGUFFiles(join(dir, partName(1)));
  expect(files.path).toBe(join(dir, partName(1)));
  expect(files.metadata.get('general.architecture')).toBe('llama');
  const numbers = [];
  for (const [name, tensor] of files.tensors) numbers.push([name, ...(await readTensor(tensor))]);
  expect(numbers).toEqual([
    ['t0', 0.5],
    ['t1', 1.5],
    ['t2', 2.5],
  ]);
});

test('a model in one file may say that it is one part', async () => {
  const path = join(temporaryDirectory(), 'm.gguf');
  writeFileSync(path, ggufBytes({ keys: [keyOf('split.count', 1)] }));
  await using files = await openGGUFFiles(path);
  expect(files.tensors.size).toBe(0);
});

test('a part that is missing is named', async () => {
  const dir = splitModel();
  rmSync(join(dir, partName(2)));
  expect(await refusal(dir)).toBe(
    'model-00002-of-00003.gguf: file is missing, expected a file: model-00001-of-00003.gguf is one of 3 parts',
  );
});

test('another part than the first is refused with the name of that', async () => {
  expect(await refusal(splitModel(), partName(2))).toBe(
    'model-00002-of-00003.gguf: file is part 2 of 3, expected the first part, "model-00001-of-00003.gguf"',
  );
});

test.each<[string, Parameters<typeof splitModel>[0], string]>([
  [
    'with another count than its name',
    (keys) => Object.assign(keys, { 'split.count': 4 }),
    '1-of-00003.gguf: split.count is 4, expected 3 by the name of the file',
  ],
  [
    'with a count that is no number',
    (keys) => Object.assign(keys, { 'split.count': 'x' }),
    '1-of-00003.gguf: split.count is "x", expected 3',
  ],
  [
    'with another number than its name',
    (keys, i) => i === 2 && Object.assign(keys, { 'split.no': 1 }),
    '3-of-00003.gguf: split.no is 1, expected 2',
  ],
  [
    'of a model of other parts',
    (keys, i) => i === 1 && Object.assign(keys, { 'split.count': 2 }),
    '2-of-00003.gguf: split.count is 2, expected 3',
  ],
  [
    'of a model with more tensors',
    (keys) => Object.assign(keys, { 'split.tensors.count': 4 }),
    '1-of-00003.gguf: split.tensors.count is 4, expected 3',
  ],
  [
    'with a tensor of another part',
    (keys, i) => i === 2 && Object.assign(keys, { name: 't0' }),
    '3-of-00003.gguf: tensor "t0": data is in this part too, expected only in model-00001-of-00003.gguf',
  ],
])('a part %s is refused', async (_, edit, message) => {
  expect(await refusal(splitModel(edit))).toContain(message);
});

test('a file that is renamed is no part', async () => {
  const dir = temporaryDirectory();
  writeFileSync(join(dir, 'm.gguf'), ggufBytes({ keys: [keyOf('split.count', 2)] }));
  expect(await refusal(dir, 'm.gguf')).toBe(
    'm.gguf: split.count is 2, expected 1, as the name of the file is not of a part',
  );
});

test.skipIf(!existsSync('/proc/self/fd'))('all parts are closed again when opening fails', async () => {
  const dir = splitModel((keys, i) => i === 2 && Object.assign(keys, { name: 't0' }));
  const before = readdirSync('/proc/self/fd').length;
  await refusal(dir);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});
