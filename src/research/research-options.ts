// Options of the research model beyond ids, checked for callers without TypeScript.
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, type KeyTable } from '../util/keys.ts';
import { type Checks, checkOptions } from '../util/option-checks.ts';

/** Chooses the next id from the logits [V] after `ids`; null ends the text. */
export type ChooseId = (logits: Float32Array, ids: readonly number[]) => number | null;

/** Options of `forward`. */
export interface ForwardOptions {
  /** Modules whose outputs are wanted. */
  readonly taps?: readonly string[] | undefined;
}

/** Length of a generation, and its sampler. */
export interface GenerateOptions {
  readonly maxTokens: number;
  readonly choose: ChooseId;
}

/** Tolerance for taking a kernel for the same as another. */
export interface ReplaceOptions {
  /** Largest difference of a logit, as a part of 1 + the largest logit; 2e-4. */
  readonly tolerance?: number | undefined;
}

const FORWARD_OPTIONS: Checks<ForwardOptions> = {
  taps: {
    expected: 'an array of names',
    accepts: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
  },
};
const GENERATE_OPTIONS: KeyTable<GenerateOptions> = { maxTokens: true, choose: true };
const REPLACE_OPTIONS: Checks<ReplaceOptions> = {
  tolerance: { expected: 'a number ≥ 0', accepts: (value) => Number.isFinite(value) && Number(value) >= 0 },
};

/** @throws RangeValueError for an unknown option, or one of another type. */
export function checkForward(options: ForwardOptions): ForwardOptions {
  checkOptions('options of forward', options, FORWARD_OPTIONS);
  return options;
}

/** @throws as `checkForward`; the number of tokens is checked by the model. */
export function checkGenerate(options: GenerateOptions): GenerateOptions {
  checkKeys('options of generate', options, GENERATE_OPTIONS);
  if (typeof options.choose !== 'function') throw new RangeValueError('choose', options.choose, 'a function');
  return options;
}

/** @throws as `checkForward`. */
export function checkReplace(options: ReplaceOptions): ReplaceOptions {
  checkOptions('options of replaceKernel', options, REPLACE_OPTIONS);
  return options;
}
