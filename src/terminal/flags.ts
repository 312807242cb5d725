// Kinds of flags, and the flags that every command with a model has. A kind checks the text that was given and names
// flag, value and expectation in its error; a flag given twice arrives as a list and is refused like any wrong value.
import { RangeValueError } from '../util/errors.ts';

/** The largest integer that a flag takes; it fits the 32-bit integers of a step. */
const MAX_INTEGER = 2 ** 31 - 1;

/** An integer ≥ `min`. */
export function integerFlag(name: string, min: number) {
  const expected = `an integer from ${min} to ${MAX_INTEGER}`;
  return numberFlag(name, expected, (value) => Number.isInteger(value) && value >= min && value <= MAX_INTEGER);
}

/** A seed of random numbers. */
export function seedFlag(name: string) {
  return numberFlag(name, 'an integer in [0, 2^53)', (value) => Number.isSafeInteger(value) && value >= 0);
}

/** A finite number from `min` to `max`. */
function boundedFlag(name: string, min: number, max: number) {
  return numberFlag(name, `a number in [${min}, ${max}]`, (value) => value >= min && value <= max);
}

/** A decimal number; `Number` takes more: white space, hexadecimal digits, nothing at all. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A finite number that `accepts` takes; `expected` says which those are. */
export function numberFlag(name: string, expected: string, accepts: (value: number) => boolean) {
  const coerce = (raw: unknown): number => {
    const value = typeof raw === 'string' && DECIMAL.test(raw) ? Number(raw) : raw;
    if (typeof value === 'number' && Number.isFinite(value) && accepts(value)) return value;
    throw new RangeValueError(`--${name}`, String(Number(raw)) === raw ? Number(raw) : raw, expected);
  };
  return { takes: 'word' as const, nargs: 1, coerce };
}

/** Text, possibly empty, whatever it begins with. */
export function textFlag(name: string) {
  const coerce = (raw: unknown): string => {
    if (typeof raw === 'string') return raw;
    throw new RangeValueError(`--${name}`, raw, 'one text');
  };
  return { takes: 'text' as const, nargs: 1, coerce };
}

/** One or more texts; the first may begin with whatever it likes. */
export function textListFlag(name: string) {
  return { ...nameListFlag(name), takes: 'texts' as const };
}

/** Text that names something, a file say. One that looks like a flag has to be written `--flag=--name`. */
export function nameFlag(name: string) {
  const coerce = (raw: unknown): string => {
    if (typeof raw === 'string' && raw !== '') return raw;
    throw new RangeValueError(`--${name}`, raw, 'one text that is not empty');
  };
  return { takes: 'word' as const, nargs: 1, coerce };
}

/** One or more names. */
export function nameListFlag(name: string) {
  const coerce = (raw: readonly unknown[]): string[] => {
    if (raw.length === 0) throw new RangeValueError(`number of --${name}`, 0, 'at least 1');
    return raw.map(String);
  };
  return { takes: 'words' as const, array: true, coerce };
}

/** One of `choices`. */
export function choiceFlag<const T extends string>(name: string, choices: readonly T[]) {
  const coerce = (raw: unknown): T => {
    const choice = choices.find((value) => value === raw);
    if (choice !== undefined) return choice;
    throw new RangeValueError(`--${name}`, raw, `one of ${choices.join(', ')}`);
  };
  return { takes: 'word' as const, nargs: 1, coerce };
}

/** Off unless it is there; `--no-…` says so aloud. What is not given stays undefined. */
export function switchFlag(name: string) {
  const coerce = (raw: unknown): boolean => {
    if (raw === 'true') return true;
    if (raw === 'false') return false;
    throw new RangeValueError(`--${name}`, raw, 'no value, or true or false');
  };
  return { takes: 'nothing' as const, nargs: 1, coerce, defaultDescription: 'false' };
}

/** Which model to load, in which format, on which adapter. */
export const modelFlags = {
  model: {
    ...nameFlag('model'),
    defaultDescription: 'weights/tales',
    describe: 'directory with config.json, model.safetensors and tokenizer.json, or random:gpt2[-medium|-large|-xl]',
  },
  dtype: {
    ...choiceFlag('dtype', ['f32', 'f16', 'q8']),
    defaultDescription: "the file's own; f16 for random:",
    describe: 'storage of the weight matrices: f32, f16, q8 (bytes with a scale for 64 of them)',
  },
  'kv-dtype': {
    ...choiceFlag('kv-dtype', ['f32', 'f16']),
    defaultDescription: 'f32',
    describe: 'storage of keys and values: f32, f16',
  },
  adapter: { ...nameFlag('adapter'), describe: "part of the WebGPU adapter's name" },
};

/** How fast variants of kernels are chosen. */
export const tuneFlag = {
  tune: {
    ...choiceFlag('tune', ['off', 'on', 'force']),
    defaultDescription: 'on; off on a software adapter',
    describe:
      'which variants of kernels run: off, built-in choices; on, those measured on this adapter, now where they were not ' +
      'before; force, all measured now. The results are the same, bit by bit',
  },
};

/** Where a command tells what it did. */
export const traceFlag = {
  trace: {
    ...nameFlag('trace'),
    describe:
      'file for a trace of steps, kernels and requests, for ui.perfetto.dev or chrome://tracing; ' +
      'timing each kernel slows the run down',
  },
};

/** How tokens are chosen and where a completion ends. */
export const samplingFlags = {
  temperature: {
    ...numberFlag('temperature', 'a number ≥ 0', (value) => value >= 0),
    default: 1,
    describe: 'divides the logits; 0 takes the most likely token',
  },
  'top-k': { ...integerFlag('top-k', 0), default: 0, describe: 'keep the k most likely tokens; 0 keeps all' },
  'top-p': {
    ...numberFlag('top-p', 'a number in (0, 1]', (value) => value > 0 && value <= 1),
    default: 1,
    describe: 'keep the most likely tokens up to this probability; 1 keeps all',
  },
  'min-p': {
    ...numberFlag('min-p', 'a number in [0, 1]', (value) => value >= 0 && value <= 1),
    default: 0,
    describe: "keep tokens with this fraction of the best one's probability; 0 keeps all",
  },
  'ignore-eos': { ...switchFlag('ignore-eos'), describe: 'go on past the end-of-text token' },
};

/** What the tokens so far change, and where a completion ends besides its length and eos. */
export const penaltyFlags = {
  'repetition-penalty': {
    ...numberFlag('repetition-penalty', 'a number > 0', (value) => value > 0),
    default: 1,
    describe: 'divides the logits above 0 of tokens in prompt and completion, multiplies the others; 1 is off',
  },
  'presence-penalty': {
    ...boundedFlag('presence-penalty', -2, 2),
    default: 0,
    describe: 'subtracted from the logit of every token in the completion',
  },
  'frequency-penalty': {
    ...boundedFlag('frequency-penalty', -2, 2),
    default: 0,
    describe: 'subtracted from the logit of a token each time that the completion has it',
  },
  'min-tokens': {
    ...integerFlag('min-tokens', 0),
    default: 0,
    describe: 'tokens before the end-of-text token or a stop text may come',
  },
  stop: {
    ...textListFlag('stop'),
    coerce: (texts: readonly string[]): readonly string[] => {
      if (!texts.includes('')) return texts;
      throw new RangeValueError('--stop', '', 'a text that is not empty');
    },
    describe: 'texts that end the completion and are left out of it',
  },
};
