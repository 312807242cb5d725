// Kinds of flags, and the flags that every command with a model has. A kind checks the text that was given and names
// flag, value and expectation in its error; a flag given twice arrives as a list and is refused like any wrong value.
import type { InferredOptionTypes } from 'yargs';
import { type NumberParameter, SAMPLING_PARAMETERS } from '../core/sampling-table.ts';
import type { DeviceOptions } from '../gpu/device-options.ts';
import { REDUCTION_CLASSES } from '../gpu/reduction.ts';
import { KV_DTYPES } from '../kernels/kv-write/kv-write.ts';
import { OFFERED_DTYPES } from '../kernels/weights/weight-tiles.ts';
import { BUNDLED_NAME } from '../models/bundled-model.ts';
import { randomNames } from '../models/registry.ts';
import type { LoadModelOptions } from '../runtime/load-options.ts';
import { DEFAULT_KV_DTYPE } from '../runtime/runtime-sizes.ts';
import { TUNE_MODES } from '../tuning/load-tuning.ts';
import { RangeValueError } from '../util/errors.ts';

/** Largest integer that a flag takes: the largest i32, as in the arrays of a step. */
const MAX_INTEGER = 2 ** 31 - 1;

/** Makes a flag of an integer ≥ `min`. */
export function integerFlag(name: string, min: number) {
  const expected = `an integer from ${min} to ${MAX_INTEGER}`;
  return numberFlag(name, expected, (value) => Number.isInteger(value) && value >= min && value <= MAX_INTEGER);
}

/** Makes a flag of a seed of random numbers. */
export function seedFlag(name: string) {
  return numberFlag(name, 'an integer in [0, 2^53)', (value) => Number.isSafeInteger(value) && value >= 0);
}

/** Decimal number. `Number` would also take white space, hexadecimal digits and the empty text. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Makes a flag of a finite number that `accepts` takes; `expected` describes those in the error. */
export function numberFlag(name: string, expected: string, accepts: (value: number) => boolean) {
  const coerce = (raw: unknown): number => {
    const value = typeof raw === 'string' && DECIMAL.test(raw) ? Number(raw) : raw;
    if (typeof value === 'number' && Number.isFinite(value) && accepts(value)) return value;
    throw new RangeValueError(`--${name}`, String(Number(raw)) === raw ? Number(raw) : raw, expected);
  };
  return { takes: 'word' as const, nargs: 1, coerce };
}

/** Makes the flag of a sampling parameter from its row: range, default and meaning. */
function parameterFlag(name: string, { expected, accepts, fallback, meaning }: NumberParameter) {
  return { ...numberFlag(name, expected, accepts), default: fallback, describe: meaning };
}

/** Makes the flag of a sampling parameter that is a count. */
function countFlag(name: string, { fallback, meaning }: NumberParameter) {
  return { ...integerFlag(name, 0), default: fallback, describe: meaning };
}

/** Makes a flag of a text, which may be empty and may begin with a dash. */
export function textFlag(name: string) {
  const coerce = (raw: unknown): string => {
    if (typeof raw === 'string') return raw;
    throw new RangeValueError(`--${name}`, raw, 'one text');
  };
  return { takes: 'text' as const, nargs: 1, coerce };
}

/** Makes a flag of one or more texts, the first of which may begin with a dash. */
export function textListFlag(name: string) {
  return { ...nameListFlag(name), takes: 'texts' as const };
}

/** Makes a flag of a name, such as a path. A name that looks like a flag has to be written `--flag=--name`. */
export function nameFlag(name: string) {
  const coerce = (raw: unknown): string => {
    if (typeof raw === 'string' && raw !== '') return raw;
    throw new RangeValueError(`--${name}`, raw, 'one text that is not empty');
  };
  return { takes: 'word' as const, nargs: 1, coerce };
}

/** Makes a flag of one or more names. */
export function nameListFlag(name: string) {
  const coerce = (raw: readonly unknown[]): string[] => {
    if (raw.length === 0) throw new RangeValueError(`number of --${name}`, 0, 'at least 1');
    return raw.map(String);
  };
  return { takes: 'words' as const, array: true, coerce };
}

/** Makes a flag of one of `choices`. */
export function choiceFlag<const T extends string>(name: string, choices: readonly T[]) {
  const coerce = (raw: unknown): T => {
    const choice = choices.find((value) => value === raw);
    if (choice !== undefined) return choice;
    throw new RangeValueError(`--${name}`, raw, `one of ${choices.join(', ')}`);
  };
  return { takes: 'word' as const, nargs: 1, coerce };
}

/** Makes a switch; `--no-…` turns it off. Without either its value is undefined, which counts as off. */
export function switchFlag(name: string) {
  const coerce = (raw: unknown): boolean => {
    if (raw === 'true') return true;
    if (raw === 'false') return false;
    throw new RangeValueError(`--${name}`, raw, 'no value, or true or false');
  };
  return { takes: 'nothing' as const, nargs: 1, coerce, defaultDescription: 'false' };
}

/** Flags of a device. */
export const deviceFlags = {
  adapter: { ...nameFlag('adapter'), describe: "part of the WebGPU adapter's name" },
  reduction: {
    ...choiceFlag('reduction', REDUCTION_CLASSES),
    defaultDescription: "the adapter's own kind",
    describe:
      'order in which kernels sum, which the last bits of the results depend on: software, in one chain; gpu, in parts ' +
      'that fill a GPU',
  },
};

/** Makes the options of a device from its flags. */
export function deviceOptions({ adapter, reduction }: InferredOptionTypes<typeof deviceFlags>) {
  return { adapter, reduction } satisfies DeviceOptions;
}

/** Flags of the model, its storage and its device. */
export const modelFlags = {
  model: {
    ...nameFlag('model'),
    defaultDescription: BUNDLED_NAME,
    describe: `directory with config.json, model.safetensors and tokenizer.json, a GGUF file, OWNER/NAME of a model that was pulled from the hub, or ${randomNames()}`,
  },
  dtype: {
    ...choiceFlag('dtype', OFFERED_DTYPES),
    defaultDescription: "the file's own; f16 for random:",
    describe: 'storage of the weight matrices: f32, f16, q8 (bytes with a scale for every 64 of a column), q4 (4 bits)',
  },
  'kv-dtype': {
    ...choiceFlag('kv-dtype', KV_DTYPES),
    defaultDescription: DEFAULT_KV_DTYPE,
    describe: `storage of keys and values: ${KV_DTYPES.join(', ')}`,
  },
  ...deviceFlags,
};

/** Makes the options of a model from the flags of its storage and its device. */
export function modelOptions(args: Omit<InferredOptionTypes<typeof modelFlags>, 'model'>) {
  return { dtype: args.dtype, kvDtype: args['kv-dtype'], ...deviceOptions(args) } satisfies LoadModelOptions;
}

/** Flag of the template of chats. */
export const chatTemplateFlag = {
  'chat-template': {
    ...nameFlag('chat-template'),
    defaultDescription: "the model's own",
    describe: 'file of a Jinja template by which chats are written, such as one that knows tools',
  },
};

/** Flags of the sizes of a batch and its cache. */
export const sizeFlags = {
  'max-batch-size': {
    ...integerFlag('max-batch-size', 1),
    defaultDescription: '8',
    describe: 'most sequences in a step',
  },
  'max-model-len': { ...integerFlag('max-model-len', 1), describe: 'longest context, in tokens' },
  'num-blocks': { ...integerFlag('num-blocks', 1), describe: 'blocks of the KV cache' },
};

/** Flag of the choice of kernel variants. */
export const tuneFlag = {
  tune: {
    ...choiceFlag('tune', TUNE_MODES),
    defaultDescription: 'on; off on a software adapter',
    describe:
      'which variants of kernels run: off, built-in choices; on, those measured on this adapter, now where they were not ' +
      'before; force, all measured now. The results are the same, bit by bit',
  },
};

/** Flag of a command that says nothing but errors. */
export const quietFlag = {
  quiet: { ...switchFlag('quiet'), describe: 'no progress and no notices on stderr' },
};

/** Flag of the Perfetto trace. */
export const traceFlag = {
  trace: {
    ...nameFlag('trace'),
    describe:
      'file for a trace of steps, kernels and requests, for ui.perfetto.dev or chrome://tracing; ' +
      'timing each kernel slows the run down',
  },
};

/** Flags of sampling, and of the end of text. */
export const samplingFlags = {
  temperature: parameterFlag('temperature', SAMPLING_PARAMETERS.temperature),
  'top-k': countFlag('top-k', SAMPLING_PARAMETERS.topK),
  'top-p': parameterFlag('top-p', SAMPLING_PARAMETERS.topP),
  'min-p': parameterFlag('min-p', SAMPLING_PARAMETERS.minP),
  'ignore-eos': { ...switchFlag('ignore-eos'), describe: SAMPLING_PARAMETERS.ignoreEos.meaning },
};

/** Flags of penalties, and of further ends of a completion. */
export const penaltyFlags = {
  'repetition-penalty': parameterFlag('repetition-penalty', SAMPLING_PARAMETERS.repetitionPenalty),
  'presence-penalty': parameterFlag('presence-penalty', SAMPLING_PARAMETERS.presencePenalty),
  'frequency-penalty': parameterFlag('frequency-penalty', SAMPLING_PARAMETERS.frequencyPenalty),
  'min-tokens': countFlag('min-tokens', SAMPLING_PARAMETERS.minTokens),
  stop: {
    ...textListFlag('stop'),
    coerce: (texts: readonly string[]): readonly string[] => {
      if (!texts.includes('')) return texts;
      throw new RangeValueError('--stop', '', 'a text that is not empty');
    },
    describe: SAMPLING_PARAMETERS.stop.meaning,
  },
};

/** Flags of others whose values are undefined where they are not given. */
type OptionalFlags<F> = { readonly [K in keyof F]: Omit<F[K], 'default'> };

/** Takes the defaults of flags out of their values: they are described, and the reader of a value decides. */
export function optionalFlags<F extends Readonly<Record<string, object>>>(flags: F): OptionalFlags<F>;
export function optionalFlags(flags: Readonly<Record<string, object>>): Readonly<Record<string, object>> {
  const entries = Object.entries(flags).map(([name, flag]) => {
    const { default: fallback, ...others }: { readonly default?: unknown } = { ...flag };
    return [name, fallback === undefined ? flag : { ...others, defaultDescription: String(fallback) }];
  });
  return Object.fromEntries(entries);
}
