// Sizes of a runner by the memory that there is: a context and a pool that no caller asked for are cut to what it holds, for
// models may claim contexts whose keys and values are larger than any machine.

import { maxBlocksHeld } from '../kv/sequence-blocks.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { WeightStorage } from '../models/weight-storage.ts';
import { checkMemory, MemoryError, planMemory } from './memory-plan.ts';
import { type RunnerOptions, type RuntimeSizes, resolveSizes, type SizingDevice } from './runtime-sizes.ts';

/** Tokens of a context below which none is cut: a model that has no room for these is refused. */
const LEAST_CONTEXT = 1024;
/** Bytes of a pool of the default size on a GPU: no adapter tells how much memory it has. */
const GPU_POOL_BYTES = 8 * 2 ** 30;

/** Memory of a model's weights and of the device that it is to run on. */
export interface Room {
  readonly device: SizingDevice;
  /** Memory that is free, where the adapter shares the host's. */
  readonly hostBytes: number | undefined;
  /** As of `planMemory`. */
  readonly tiedHead?: boolean | undefined;
}

/**
 * Fills in the defaults of `options` by the memory that there is: the context is the longest of the model's positions, halved
 * until it fits, and then the pool takes what is left, as far as a full batch needs it.
 *
 * @param stored as of `resolveSizes`.
 * @throws RangeValueError as `resolveSizes`.
 */
export function fitSizes(
  model: ModelDefinition,
  options: RunnerOptions,
  stored: WeightStorage,
  room: Room,
): RuntimeSizes {
  const sizesOf = (maxModelLen: number) => {
    const sizes = resolveSizes(model.config, { ...options, maxModelLen }, stored, room.device);
    return options.numBlocks === undefined ? fitPool(model, sizes, room) : sizes;
  };
  return fitContext(model, options.maxModelLen, sizesOf, room);
}

/** Returns the sizes of a context, or of the longest of the model's positions, halved until it fits. */
export function fitContext(
  model: ModelDefinition,
  maxModelLen: number | undefined,
  sizesOf: (maxModelLen: number) => RuntimeSizes,
  room: Room,
): RuntimeSizes {
  if (maxModelLen !== undefined) return sizesOf(maxModelLen);
  let sizes = sizesOf(model.config.numPositions);
  while (sizes.maxModelLen > LEAST_CONTEXT && !fits(model, sizes, room)) {
    sizes = sizesOf(Math.max(LEAST_CONTEXT, Math.floor(sizes.maxModelLen / 2)));
  }
  return sizes;
}

/** Describes a context that was cut, in a line; null where it was not. */
export function describeCut(
  model: ModelDefinition,
  { maxModelLen }: RuntimeSizes,
  options: RunnerOptions,
): string | null {
  const { numPositions } = model.config;
  if (options.maxModelLen !== undefined || maxModelLen === numPositions) return null;
  return `context: ${maxModelLen} of the model's ${numPositions} tokens, as the memory allows; maxModelLen sets another`;
}

/**
 * Cuts a pool of the default size to what there is room for, but never to less than one longest sequence takes: `checkMemory`
 * refuses what can't run at all.
 */
export function fitPool(
  model: ModelDefinition,
  sizes: RuntimeSizes,
  { hostBytes, tiedHead }: Omit<Room, 'device'>,
): RuntimeSizes {
  const { numBlocks, maxModelLen } = sizes;
  const { total, kv } = planMemory(model, sizes, tiedHead);
  const poolBytes = hostBytes === undefined ? GPU_POOL_BYTES : hostBytes - (total - kv);
  const mostBlocks = Math.floor(poolBytes / (kv / numBlocks));
  const fewestBlocks = Math.min(numBlocks, maxBlocksHeld(maxModelLen, sizes));
  return { ...sizes, numBlocks: Math.max(fewestBlocks, Math.min(numBlocks, mostBlocks)) };
}

/** Returns true where a model fits, with a pool that holds a longest sequence. */
function fits(model: ModelDefinition, sizes: RuntimeSizes, { device, hostBytes, tiedHead }: Room): boolean {
  if (sizes.numBlocks < maxBlocksHeld(sizes.maxModelLen, sizes)) return false;
  if (hostBytes === undefined && planMemory(model, sizes, tiedHead).kv > GPU_POOL_BYTES) return false;
  try {
    checkMemory(model, sizes, { maxBindingBytes: device.gpu.limits.maxStorageBufferBindingSize, hostBytes }, tiedHead);
    return true;
  } catch (error) {
    if (error instanceof MemoryError) return false;
    throw error;
  }
}
