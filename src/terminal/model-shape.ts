// Shape of the model that a command is about: read without weights or a device.
import { freemem } from 'node:os';
import { join } from 'node:path';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { BUNDLED_MODEL } from '../load-model.ts';
import { type ModelDefinition, outerTensors } from '../models/architecture.ts';
import { openCheckpoint } from '../models/checkpoint.ts';
import { ConfigError } from '../models/config.ts';
import { randomModel, readModel } from '../models/registry.ts';
import { numElements } from '../util/math.ts';

/** Model without weights, and their storage: all that its kernels depend on. */
export interface ModelShape {
  readonly model: ModelDefinition;
  readonly dtype: WeightDType;
}

/** Names of models with random weights, which are stored as f16. */
const RANDOM = 'random:';

/**
 * Reads the shape of the model of `--model`, the bundled one when `name` is undefined, without its weights. The files are
 * looked at only when `dtype` is undefined; a directory with a config.json alone will do then.
 *
 * @throws RoseinferError of the kind that fits: configuration, with sizes that no memory holds, or files.
 */
export async function readModelShape(name: string = BUNDLED_MODEL, dtype?: WeightDType): Promise<ModelShape> {
  if (name.startsWith(RANDOM)) return { model: randomModel(name.slice(RANDOM.length)).model, dtype: dtype ?? 'f16' };
  const model = await readModel(name);
  if (dtype !== undefined) {
    checkSizes(model, join(name, 'config.json'));
    return { model, dtype };
  }
  await using checkpoint = await openCheckpoint(name, model);
  return { model, dtype: checkpoint.dtype };
}

/** Refuses tensors for which there is no room: without the files nothing else shows that a size is wrong. */
function checkSizes(model: ModelDefinition, path: string): void {
  const free = freemem();
  for (const { name: tensor, shape } of [...outerTensors(model), ...model.layerTensors(0)]) {
    const bytes = Float32Array.BYTES_PER_ELEMENT * numElements(shape);
    if (bytes <= free) continue;
    const expected = `at most the machine's free ${free}`;
    throw new ConfigError(path, { tensor, subject: 'size in bytes', found: bytes, expected });
  }
}
