import { freemem } from 'node:os';
import { join } from 'node:path';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { BUNDLED_MODEL } from '../load-model.ts';
import { openCheckpoint } from '../models/checkpoint.ts';
import { ConfigError } from '../models/config.ts';
import { type GPT2Config, randomConfig, readGPT2Config } from '../models/gpt2/config.ts';
import { layerTensors, numElements, outerTensors } from '../models/gpt2/tensors.ts';

/** Sizes of a model and the storage of its weights: all that its kernels depend on. */
export interface ModelShape {
  readonly config: GPT2Config;
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
  if (name.startsWith(RANDOM)) return { config: randomConfig(name.slice(RANDOM.length)), dtype: dtype ?? 'f16' };
  const config = await readGPT2Config(name);
  if (dtype !== undefined) {
    checkSizes(config, join(name, 'config.json'));
    return { config, dtype };
  }
  await using checkpoint = await openCheckpoint(name, config);
  return { config, dtype: checkpoint.dtype };
}

/** Refuses tensors for which there is no room: without the files nothing else says that a size is none. */
function checkSizes(config: GPT2Config, path: string): void {
  const free = freemem();
  for (const [tensor, shape] of [...outerTensors(config), ...layerTensors(config, 0)]) {
    const bytes = Float32Array.BYTES_PER_ELEMENT * numElements(shape);
    if (bytes <= free) continue;
    const expected = `at most the machine's free ${free}`;
    throw new ConfigError(path, { tensor, subject: 'size in bytes', found: bytes, expected });
  }
}
