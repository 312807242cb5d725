// Options of the research model beyond ids, checked for callers without TypeScript.
import type { PointName } from '../models/points.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, flag } from '../util/option-checks.ts';
import { CachedText } from './cached-text.ts';
import type { DeviceEdit, PointEdit } from './edits.ts';

/** Chooses the next id from the logits [V] after `ids`; null ends the text. */
export type ChooseId = (logits: Float32Array, ids: readonly number[]) => number | null;

/** Beginning of a text. */
export interface CacheOptions {
  /** Text that the ids go on after, made by `prefill` of the same model; by default they begin a text. */
  readonly cache?: CachedText | undefined;
}

/** Options of `prefill` and `nextLogits`. */
export interface PrefillOptions extends CacheOptions {
  /** Changes of points, before anything uses their values; those of one point in this order. */
  readonly edit?: readonly PointEdit[] | undefined;
}

/** Options of `forward`. */
export interface ForwardOptions extends PrefillOptions {
  /** Points whose values are wanted, after their edits. */
  readonly taps?: readonly PointName[] | undefined;
}

/** Length of a generation, its sampler, and the beginning of its text. */
export interface GenerateOptions extends CacheOptions {
  readonly maxTokens: number;
  readonly choose: ChooseId;
  /** Changes of points, as of `forward`: those that run on the GPU. */
  readonly edit?: readonly DeviceEdit[] | undefined;
}

/** Options of `unembed`. */
export interface UnembedOptions {
  /** Applies the model's last norm before the head; true. */
  readonly norm?: boolean | undefined;
}

/** Tolerance for taking a kernel for the same as another. */
export interface ReplaceOptions {
  /** Largest difference of a logit, as a part of 1 + the largest logit; 2e-4. */
  readonly tolerance?: number | undefined;
}

/** Accepts what `prefill` gives. */
export const cachedText: Check = {
  expected: 'a cached text; prefill makes one',
  accepts: (value) => value instanceof CachedText,
};
/** What edits and taps must be like is checked for the text: see `checkInterventions`. */
const list: Check = { expected: 'an array', accepts: Array.isArray };
const PREFILL_OPTIONS: Checks<PrefillOptions> = { cache: cachedText, edit: list };
const FORWARD_OPTIONS: Checks<ForwardOptions> = { ...PREFILL_OPTIONS, taps: list };
const GENERATE_OPTIONS: KeyTable<GenerateOptions> = { maxTokens: true, choose: true, cache: true, edit: true };
const UNEMBED_OPTIONS: Checks<UnembedOptions> = { norm: flag };
const REPLACE_OPTIONS: Checks<ReplaceOptions> = {
  tolerance: { expected: 'a number ≥ 0', accepts: (value) => Number.isFinite(value) && Number(value) >= 0 },
};

/** @throws RangeValueError for an unknown option, or one of another type. */
export function checkForward(options: ForwardOptions): ForwardOptions {
  checkOptions('options of forward', options, FORWARD_OPTIONS);
  return options;
}

/** @throws as `checkForward`. */
export function checkPrefill(method: string, options: PrefillOptions): PrefillOptions {
  checkOptions(`options of ${method}`, options, PREFILL_OPTIONS);
  return options;
}

/** @throws as `checkForward`; the number of tokens is checked by the model. */
export function checkGenerate(options: GenerateOptions): GenerateOptions {
  checkKeys('options of generate', options, GENERATE_OPTIONS);
  if (typeof options.choose !== 'function') throw new RangeValueError('choose', options.choose, 'a function');
  if (options.cache !== undefined && !cachedText.accepts(options.cache))
    throw new RangeValueError('cache', options.cache, cachedText.expected);
  return options;
}

/** @throws as `checkForward`. */
export function checkUnembed(options: UnembedOptions): UnembedOptions {
  checkOptions('options of unembed', options, UNEMBED_OPTIONS);
  return options;
}

/** @throws as `checkForward`. */
export function checkReplace(options: ReplaceOptions): ReplaceOptions {
  checkOptions('options of replaceKernel', options, REPLACE_OPTIONS);
  return options;
}
