// A small GPT-2 on disk, written tensor by tensor, and the refusal of one that is wrong.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CheckpointError } from '../../../src/formats/checkpoint-error.ts';
import { type ModelDefinition, modelTensors as tensorsOf } from '../../../src/models/architecture.ts';
import { openCheckpoint } from '../../../src/models/checkpoint.ts';
import { parseModel } from '../../../src/models/registry.ts';
import { numElements } from '../../../src/util/math.ts';
import { errorOf } from '../error-of.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { encodeSafetensors, f32, type TensorBytes } from './safetensors-bytes.ts';

/** Keys of its config.json. */
export const keys = { n_layer: 1, n_head: 1, n_embd: 2, vocab_size: 5, n_positions: 3 };
/** The model, with a tied head. */
export const model = parseModel(keys, 'test');
/** The same with a head of its own. */
export const untied = parseModel({ ...keys, tie_word_embeddings: false }, 'test');

/** Values of wte.weight, [5, 2]. */
export const WTE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/** Makes a tensor in the shape of wte.weight. */
export const head = (...values: number[]): TensorBytes => ({ dtype: 'F32', shape: [5, 2], data: f32(...values) });

/** Makes every tensor of a model, of zeros. */
function zeroTensors(of: ModelDefinition, dtype: 'F16' | 'F32'): Map<string, TensorBytes> {
  const tensors = new Map<string, TensorBytes>();
  const bytes = dtype === 'F16' ? 2 : 4;
  for (const { name, shape } of tensorsOf(of)) {
    tensors.set(name, { dtype, shape, data: new Uint8Array(bytes * numElements(shape)) });
  }
  return tensors;
}

/** Makes every tensor of `model`: wte counts from 1, the rest is zero. */
export function modelTensors(): Map<string, TensorBytes> {
  return zeroTensors(model, 'F32').set('wte.weight', head(...WTE));
}

/** Makes a directory with the model of a config.json, zeros in f16, and a tensor that it has no use for: `position_ids`. */
export function directoryWithMore(config: Readonly<Record<string, number>>): string {
  const positionIds: TensorBytes = { dtype: 'I64', shape: [1], data: new Uint8Array(8) };
  const dir = modelDirectory(zeroTensors(parseModel(config, 'config'), 'F16').set('position_ids', positionIds));
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  return dir;
}

/** Makes a directory whose model.safetensors holds these tensors. */
export function modelDirectory(tensors: ReadonlyMap<string, TensorBytes>): string {
  const dir = temporaryDirectory();
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors));
  return dir;
}

/** Returns the message of the refusal of a directory, which it names DIR. */
export async function refusal(dir: string, of = model): Promise<string> {
  const error = await errorOf(() => openCheckpoint(dir, of));
  if (!(error instanceof CheckpointError)) throw error;
  expect(error.message).not.toContain('\n');
  return error.message.replaceAll(dir, 'DIR');
}
