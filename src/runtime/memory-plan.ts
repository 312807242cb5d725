// Memory of a model on the GPU, counted from its tables before anything is allocated, and refused where it can't fit.
import { type ModelDefinition, modelTensors, outerTensors } from '../models/architecture.ts';
import { fuseTensors, numZeros } from '../models/tensor-specs.ts';
import { storedShape } from '../models/weight-storage.ts';
import { RoseinferError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';
import { positionTableEntries } from './position-tables.ts';
import { kvBlockBytes, type RuntimeSizes } from './runtime-sizes.ts';
import { layerScratchTable, scratchTable } from './scratch.ts';
import { stepInputBytes } from './step-inputs.ts';
import { wordsOf } from './tensor-table.ts';

/** Bytes on the GPU. */
export interface MemoryPlan {
  readonly weights: number;
  /** The KV pool, full. A software adapter takes it from the host's memory as blocks are first written. */
  readonly kv: number;
  /** Scratch tensors, position tables and inputs of a step. */
  readonly activations: number;
  readonly total: number;
}

/** Error of a model that the adapter or the machine has no room for. */
export class MemoryError extends RoseinferError {
  readonly needed: number;
  readonly available: number;

  constructor(what: string, needed: number, available: number, whose: string) {
    super(`${what} need ${needed} bytes (${formatBytes(needed)}), expected at most ${whose} ${available}`);
    this.needed = needed;
    this.available = available;
  }
}

/**
 * Counts the bytes that a model of these sizes takes on the GPU, before anything is allocated.
 *
 * @param tiedHead that of the source of the weights: files may hold a head of their own where the configuration ties it.
 */
export function planMemory(
  model: ModelDefinition,
  sizes: RuntimeSizes,
  tiedHead: boolean = model.config.tieWordEmbeddings,
): MemoryPlan {
  const { config } = model;
  const { numLayers, vocabSize } = config;
  let words = numZeros(vocabSize, [...outerTensors(model, tiedHead), ...model.layerTensors(0)]);
  for (const tensor of fuseTensors([...modelTensors(model, tiedHead)])) {
    words += numElements(storedShape(tensor, sizes.storage));
  }
  const tables = [scratchTable(config, sizes), layerScratchTable(model, sizes), positionTableEntries(model, sizes)];
  const scratchWords = tables.flatMap((table) => Object.values(table)).reduce((sum, entry) => sum + wordsOf(entry), 0);
  const weights = 4 * words;
  const kv = numLayers * sizes.numBlocks * kvBlockBytes(config, sizes.blockSize, sizes.kvDtype);
  const activations = 4 * scratchWords + stepInputBytes(sizes);
  return { weights, kv, activations, total: weights + kv + activations };
}

/**
 * Refuses a model that can't fit.
 *
 * @param maxBindingBytes largest binding of the adapter; only a vocabulary may be cut into several.
 * @param hostBytes memory that is free, where the adapter shares the host's.
 * @param tiedHead as of `planMemory`.
 * @throws MemoryError with both numbers.
 */
export function checkMemory(
  model: ModelDefinition,
  sizes: RuntimeSizes,
  { maxBindingBytes, hostBytes }: { readonly maxBindingBytes: number; readonly hostBytes?: number | undefined },
  tiedHead?: boolean,
): void {
  const { total } = planMemory(model, sizes, tiedHead);
  if (hostBytes !== undefined && total > hostBytes) {
    throw new MemoryError('weights, KV cache and activations', total, hostBytes, "the machine's free");
  }
  const check = (what: string, elements: number) => {
    if (4 * elements <= maxBindingBytes) return;
    throw new MemoryError(what, 4 * elements, maxBindingBytes, "the adapter's largest binding,");
  };
  // A kernel binds a chunk of the scores at a time.
  const { scores: _, ...bound } = scratchTable(model.config, sizes);
  for (const [name, entry] of Object.entries({ ...bound, ...layerScratchTable(model, sizes) })) {
    check(`${name} activations of ${sizes.maxBatchTokens} tokens`, wordsOf(entry));
  }
  for (const [name, entry] of Object.entries(positionTableEntries(model, sizes))) {
    check(`${name} of ${sizes.maxModelLen} positions`, wordsOf(entry));
  }
  for (const tensor of fuseTensors([...modelTensors(model, tiedHead)])) {
    const isVocabulary = tensor.role === 'embedding' || tensor.role === 'head';
    if (!isVocabulary) check(`weights of ${tensor.name}`, numElements(storedShape(tensor, sizes.storage)));
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Formats bytes as "512 B" or "1.5 MiB": one decimal, in the largest unit with a value of at least 1. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
