// Sizes of a research model: a text runs whole, and several share the tokens of a step.
import type { Device } from '../gpu/device.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { WeightSource } from '../models/weight-source.ts';
import { fitContext } from '../runtime/fit-sizes.ts';
import { freeHostBytes } from '../runtime/free-memory.ts';
import { DEFAULT_BLOCK_SIZE, type RunnerOptions, type RuntimeSizes, resolveSizes } from '../runtime/runtime-sizes.ts';
import { ceilDiv } from '../util/math.ts';
import { CHUNK_ROWS } from './row-chunks.ts';

/** Texts that run side by side. */
export const MAX_TEXTS = 8;

/** Returns the sizes of a model for the longest text that memory has room for, or that is asked for. */
export function textSizes(
  device: Device,
  model: ModelDefinition,
  source: WeightSource,
  options: Pick<RunnerOptions, 'dtype' | 'kvDtype' | 'maxModelLen'>,
): RuntimeSizes {
  const sizesOf = (maxModelLen: number) => {
    const maxBatchTokens = Math.max(maxModelLen, MAX_TEXTS);
    // At most one block of each text is not full.
    const numBlocks = ceilDiv(maxBatchTokens, DEFAULT_BLOCK_SIZE) + MAX_TEXTS;
    const { dtype, kvDtype } = options;
    const wanted = { dtype, kvDtype, maxModelLen, maxBatchTokens, numBlocks };
    const all = { ...wanted, maxBatchSize: MAX_TEXTS, maxLogitsRows: CHUNK_ROWS };
    return resolveSizes(model.config, all, source, device);
  };
  const room = { device, hostBytes: freeHostBytes(device), tiedHead: source.tiedHead };
  return fitContext(model, options.maxModelLen, sizesOf, room);
}
