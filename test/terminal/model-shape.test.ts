// The shape that a command reads of a model, against what its directory holds and what its flags ask for.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelTensors } from '../../src/models/architecture.ts';
import { parseModel } from '../../src/models/registry.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { numElements } from '../../src/util/math.ts';
import { encodeSafetensors, type TensorBytes } from '../support/models/safetensors-bytes.ts';
import { runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FIXTURE = 'test/fixtures/models/odd';
const keys = { n_layer: 1, n_head: 1, n_embd: 8, vocab_size: 5, n_positions: 3 };

/** A model of zeros, with a tensor that it has no use for. */
function directoryWithMore(): string {
  const dir = temporaryDirectory();
  const tensors = new Map<string, TensorBytes>();
  for (const { name, shape } of modelTensors(parseModel(keys, 'keys'))) {
    tensors.set(name, { dtype: 'F32', shape, data: new Uint8Array(4 * numElements(shape)) });
  }
  tensors.set('position_ids', { dtype: 'I64', shape: [1], data: new Uint8Array(8) });
  writeFileSync(join(dir, 'config.json'), JSON.stringify(keys));
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors));
  return dir;
}

test('storage is that of the files, and f32 for keys and values, unless flags say otherwise', async () => {
  expect(await readModelShape(FIXTURE)).toMatchObject({ dtype: 'f16', kvDtype: 'f32', notices: [] });
  expect(await readModelShape('random:gpt2')).toMatchObject({ dtype: 'f16', kvDtype: 'f32', notices: [] });
  const flags = { dtype: 'q8', kvDtype: 'f16' } as const;
  expect(await readModelShape(FIXTURE, flags)).toMatchObject(flags);
  expect(await readModelShape('random:gpt2', flags)).toMatchObject(flags);
});

test('a directory with a config.json alone will do where its storage is given', async () => {
  const dir = temporaryDirectory();
  cpSync(FIXTURE, dir, { recursive: true });
  rmSync(join(dir, 'model.safetensors'));
  const { model } = await readModelShape(dir, { dtype: 'f32' });
  expect(model.config).toEqual((await readModelShape(FIXTURE)).model.config);
  await expect(readModelShape(dir)).rejects.toThrow('weights file is missing');
});

test('notices name the tensors that the model does not use, and the doctor prints them', async () => {
  const dir = directoryWithMore();
  const notice = `${dir}: 1 tensor is of no use to the model: "position_ids"`;
  expect((await readModelShape(dir)).notices).toEqual([notice]);
  const { status, stderr } = runNode(['src/cli/roseinfer.js', 'doctor', '--model', dir]);
  expect(status).toBe(0);
  expect(stderr.split('\n')).toContain(notice);
});
