// Shape of the model that a command is about: read without weights or a device.
import { freemem } from 'node:os';
import { join } from 'node:path';
import { findGGUF } from '../formats/gguf/find-gguf.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import { type ModelDefinition, outerTensors } from '../models/architecture.ts';
import { BUNDLED_MODEL } from '../models/bundled-model.ts';
import { openCheckpoint } from '../models/checkpoint.ts';
import { ConfigError } from '../models/config.ts';
import { locateModel } from '../models/locate-model.ts';
import { RandomCheckpoint } from '../models/random-checkpoint.ts';
import { configNotices, findModel, openGGUFModel } from '../models/registry.ts';
import type { WeightStorage } from '../models/weight-storage.ts';
import { DEFAULT_KV_DTYPE, type RunnerOptions } from '../runtime/runtime-sizes.ts';
import { numElements } from '../util/math.ts';

/** Most layers of a model without files: each has its shapes in memory. Published models have a tenth of that. */
const MAX_LAYERS = 2048;

/** Model without weights, and the storage of weights, keys and values: all that its kernels depend on. */
export interface ModelShape {
  readonly model: ModelDefinition;
  readonly storage: WeightStorage;
  readonly kvDtype: KVDType;
  /** Contents of the files that the model does not use, a line each. */
  readonly notices: readonly string[];
}

/**
 * Reads the shape of the model of `--model`, the bundled one when `name` is undefined, without its weights. With a `dtype` the
 * files of weights are not opened, and a directory with a config.json alone will do; a GGUF file has both.
 *
 * @throws RoseinferError of the kind that fits: configuration, with sizes that no machine has room for, or files.
 */
export async function readModelShape(
  name: string = BUNDLED_MODEL,
  { dtype, kvDtype = DEFAULT_KV_DTYPE }: Pick<RunnerOptions, 'dtype' | 'kvDtype'> = {},
): Promise<ModelShape> {
  const path = await locateModel(name);
  const gguf = await findGGUF(path);
  if (gguf !== null) {
    const { model, source, notices } = await openGGUFModel(gguf);
    await source.close();
    return { model, storage: dtype ?? source, kvDtype, notices };
  }
  const { model, isRandom } = await findModel(path);
  if (isRandom) return { model, storage: dtype ?? new RandomCheckpoint(model, 0), kvDtype, notices: [] };
  if (dtype !== undefined) {
    checkSizes(model, join(path, 'config.json'));
    return { model, storage: dtype, kvDtype, notices: configNotices(path, model) };
  }
  await using checkpoint = await openCheckpoint(path, model);
  return { model, storage: checkpoint, kvDtype, notices: [...configNotices(path, model), ...checkpoint.notices] };
}

/** Refuses sizes that no machine has room for: without the files nothing else shows that one is wrong. */
function checkSizes(model: ModelDefinition, path: string): void {
  const { numLayers } = model.config;
  if (numLayers > MAX_LAYERS) {
    const expected = `at most ${MAX_LAYERS} where the files of weights are not opened`;
    throw new ConfigError(path, { subject: 'number of layers', found: numLayers, expected });
  }
  const free = freemem();
  for (const { name: tensor, shape } of [...outerTensors(model), ...model.layerTensors(0)]) {
    const bytes = Float32Array.BYTES_PER_ELEMENT * numElements(shape);
    if (bytes <= free) continue;
    const expected = `at most the machine's free ${free}`;
    throw new ConfigError(path, { tensor, subject: 'size in bytes', found: bytes, expected });
  }
}
