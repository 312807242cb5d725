// The shape that a command reads of a model, against what its directory holds and what its flags ask for.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeStorage } from '../../src/models/weight-storage.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { directoryWithMore, keys } from '../support/models/checkpoint-directory.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FIXTURE = 'test/fixtures/models/odd';

async function storageOf(name: string): Promise<string> {
  const { model, storage } = await readModelShape(name);
  return describeStorage(model, storage);
}

test('storage is that of the files, and f32 for keys and values, unless flags say otherwise', async () => {
  expect(await readModelShape(FIXTURE)).toMatchObject({ kvDtype: 'f32', notices: [] });
  expect(await readModelShape('random:gpt2')).toMatchObject({ kvDtype: 'f32', notices: [] });
  expect(await storageOf(FIXTURE)).toBe('f16');
  expect(await storageOf('random:gpt2')).toBe('f16');
  const flags = { dtype: 'q8', kvDtype: 'f16' } as const;
  const wanted = { storage: 'q8', kvDtype: 'f16' };
  expect(await readModelShape(FIXTURE, flags)).toMatchObject(wanted);
  expect(await readModelShape('random:gpt2', flags)).toMatchObject(wanted);
});

test('a directory with a config.json alone will do where its storage is given', async () => {
  const dir = temporaryDirectory();
  cpSync(FIXTURE, dir, { recursive: true });
  rmSync(join(dir, 'model.safetensors'));
  const { model } = await readModelShape(dir, { dtype: 'f32' });
  expect(model.config).toEqual((await readModelShape(FIXTURE)).model.config);
  await expect(readModelShape(dir)).rejects.toThrow('weights file is missing');
});

test('without the files of weights a number of layers beyond all reason is refused at once', async () => {
  const dir = temporaryDirectory();
  const read = (n_layer: number) => {
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...keys, n_layer }));
    return readModelShape(dir, { dtype: 'f32' });
  };
  expect((await read(2048)).model.config.numLayers).toBe(2048);
  for (const numLayers of [2049, Number.MAX_SAFE_INTEGER]) {
    await expect(read(numLayers)).rejects.toThrow(
      `config.json: number of layers is ${numLayers}, expected at most 2048 where the files of weights are not opened`,
    );
  }
});

test('notices name the tensors that the model does not use', async () => {
  const dir = directoryWithMore(keys);
  const { notices } = await readModelShape(dir);
  expect(notices).toEqual([`${dir}: 1 tensor is of no use to the model: "position_ids"`]);
});
