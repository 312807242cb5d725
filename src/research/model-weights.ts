// Weights of a model by the names of its files, to look at, and other numbers for some of them.

import { F16_END } from '../kernels/weights/pack-weight.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { checkValues } from '../models/check-values.ts';
import type { LoadedWeights, LocatedTensor } from '../models/loaded-weights.ts';
import { RangeValueError } from '../util/errors.ts';
import { isRecord, nearestName } from '../util/keys.ts';
import { quote } from '../util/quote.ts';

/** A weight of a model. */
export interface ModelWeight {
  readonly name: string;
  /** That in the model's files: a matrix of a GPT-2 is [in, out], one of a Llama [out, in]. */
  readonly shape: readonly number[];
  /** Storage on the GPU. */
  readonly dtype: WeightDType;
  /** Reads the numbers as they are stored, in the order of the files. @throws TensorError after the model was closed. */
  read(): Promise<Float32Array>;
}

/** Other numbers for a weight: as they are, or computed from those that it has, a copy that may be changed and returned. */
export type WeightReplacement = Float32Array | ((values: Float32Array, shape: readonly number[]) => Float32Array);

/** Weights of a model by name: Hugging Face's names, without the prefix of an architecture (`transformer.`, `model.`). */
export class ModelWeights {
  readonly #loaded: () => LoadedWeights;

  /** @internal */
  constructor(loaded: () => LoadedWeights) {
    this.#loaded = loaded;
  }

  /** Returns all names, in the order of the model. A head that is the embedding has none of its own. */
  names(): string[] {
    return this.#loaded().names;
  }

  /** Returns a weight. @throws RangeValueError for an unknown name, with the nearest known one. */
  get(name: string): ModelWeight {
    const { spec, stored } = this.#locate(name);
    return { name, shape: spec.shape, dtype: stored.dtype, read: () => stored.read(spec) };
  }

  /**
   * Copies what a caller hands in, who may change it before the call has its turn.
   *
   * @throws RangeValueError for anything but an object.
   *
   * @internal
   */
  static copyOf(
    replacements: Readonly<Record<string, WeightReplacement>>,
  ): Readonly<Record<string, WeightReplacement>> {
    if (!isRecord(replacements))
      throw new RangeValueError('weights', replacements, 'an object: numbers, or a function of numbers, by name');
    const copies = Object.entries(replacements).map(([name, values]) => [
      name,
      values instanceof Float32Array ? values.slice() : values,
    ]);
    return Object.fromEntries(copies);
  }

  /**
   * Checks other numbers for some weights, and computes those that follow from the ones that they have.
   *
   * @throws RangeValueError for an unknown name, and for anything but as many finite numbers, which the storage holds.
   *
   * @internal
   */
  async replaced(
    replacements: Readonly<Record<string, WeightReplacement>>,
  ): Promise<ReadonlyMap<string, Float32Array>> {
    const entries = Object.entries(replacements).map(([name, replacement]) => {
      const { spec, stored } = this.#locate(name);
      if (typeof replacement !== 'function') checkStored(name, replacement, { spec, stored });
      return { name, replacement, spec, stored };
    });
    const values = new Map<string, Float32Array>();
    for (const { name, replacement, spec, stored } of entries) {
      const isComputed = typeof replacement === 'function';
      const numbers = isComputed ? replacement(await stored.read(spec), spec.shape) : replacement;
      if (isComputed) checkStored(name, numbers, { spec, stored });
      values.set(name, numbers);
    }
    return values;
  }

  #locate(name: string): LocatedTensor {
    const loaded = this.#loaded();
    const located = loaded.locate(name);
    if (located !== undefined) return located;
    const nearest = typeof name === 'string' ? nearestName(name, loaded.names) : undefined;
    const hint = nearest === undefined ? `such as ${quote(loaded.names[0])}` : `did you mean ${quote(nearest)}?`;
    throw new RangeValueError('weight', name, `one of the ${loaded.names.length} that weights.names() lists (${hint})`);
  }
}

/** Checks numbers for a weight. */
function checkStored(name: string, values: Float32Array, { spec, stored }: LocatedTensor): void {
  checkValues(name, values, spec.shape);
  if (stored.dtype !== 'f16') return;
  const beyond = values.findIndex((value) => Math.abs(value) >= F16_END);
  if (beyond >= 0)
    throw new RangeValueError(
      `element ${beyond} of ${name}`,
      values[beyond],
      `less than ${F16_END}, for f16 holds no more`,
    );
}
