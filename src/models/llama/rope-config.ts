// Settings of rotary embeddings. Files spell them in two ways, as `rope_theta` with `rope_scaling` and as `rope_parameters`; the keys
// and defaults are those of transformers' modeling_rope_utils. A key that is not in the table is refused: all of them change angles.
import { isJsonObject } from '../../util/json.ts';
import { expectedNames } from '../../util/keys.ts';
import { quoteJson } from '../../util/model-file-error.ts';
import { type ConfigReader, isPositive, isSize, POSITIVE } from '../config.ts';

/** Settings of all rotary embeddings. */
interface RopeBase {
  /** Base of the wavelengths: pair d turns by theta^(−2d/D) a position, before any scaling. */
  readonly theta: number;
  /** D/2 divisors of the frequencies after scaling, where a file holds them. */
  readonly freqFactors?: readonly number[];
}

/** Rotary embedding without scaling. */
export interface DefaultRope extends RopeBase {
  readonly type: 'default';
}

/** Rotary embedding with all frequencies divided by `factor`. */
export interface LinearRope extends RopeBase {
  readonly type: 'linear';
  readonly factor: number;
}

/** Rotary embedding of Llama 3.1: long wavelengths are divided by `factor`, short ones kept, those between them interpolated. */
export interface Llama3Rope extends RopeBase {
  readonly type: 'llama3';
  readonly factor: number;
  /** Wavelengths over originalMaxPositions / lowFreqFactor are long. */
  readonly lowFreqFactor: number;
  /** Wavelengths under originalMaxPositions / highFreqFactor are short. */
  readonly highFreqFactor: number;
  readonly originalMaxPositions: number;
}

/** Rotary embedding of YaRN (Peng et al. 2023): a ramp over the pairs between kept and divided frequencies. */
export interface YarnRope extends RopeBase {
  readonly type: 'yarn';
  readonly factor: number;
  readonly originalMaxPositions: number;
  /** Turns within originalMaxPositions of the pair at which the ramp begins. */
  readonly betaFast: number;
  /** Turns of the pair at which it ends. */
  readonly betaSlow: number;
  /** The ramp begins and ends at whole pairs. */
  readonly truncate: boolean;
  /** Factor of cosines and sines. */
  readonly attentionFactor: number;
}

/** Rotary embedding, by its type. */
export type RopeConfig = DefaultRope | LinearRope | Llama3Rope | YarnRope;

const DEFAULT_THETA = 10_000;
const DEFAULT_BETA_FAST = 32;
const DEFAULT_BETA_SLOW = 1;

/** Keys that settings of every type may have. */
const COMMON_KEYS = ['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'original_max_position_embeddings'];

/** Reader of the settings under one key of the file. */
interface Settings extends ConfigReader {
  readonly base: RopeBase;
  /** Positions of the model. */
  readonly numPositions: number;
  /** Positions before the scaling. */
  readonly originalMaxPositions: () => number;
}

/** How each type is read, and its own keys. */
const TYPES: Readonly<
  Record<string, { readonly keys: readonly string[]; readonly parse: (from: Settings) => RopeConfig }>
> = {
  default: { keys: [], parse: ({ base }) => ({ type: 'default', ...base }) },
  linear: {
    keys: ['factor', 'finetuned'],
    parse: ({ base, read }) => ({ type: 'linear', ...base, factor: read('factor', isPositive, POSITIVE) }),
  },
  llama3: { keys: ['factor', 'low_freq_factor', 'high_freq_factor'], parse: parseLlama3 },
  yarn: {
    keys: ['factor', 'beta_fast', 'beta_slow', 'truncate', 'attention_factor', 'mscale', 'mscale_all_dim', 'finetuned'],
    parse: parseYarn,
  },
};

/**
 * Reads the rotary settings of a config.json.
 *
 * @throws ConfigError for an unknown type or key, a value out of range, and spellings that disagree.
 */
export function parseRope(reader: ConfigReader, numPositions: number): RopeConfig {
  const { json, fail } = reader;
  // As in transformers, null and {} are no settings.
  const spellings = ['rope_scaling', 'rope_parameters'].filter((key) => {
    const value = json[key];
    return !(value === undefined || value === null || (isJsonObject(value) && Object.keys(value).length === 0));
  });
  const [first, second] = spellings.map((key) => parseSettings(reader, key, numPositions));
  if (second !== undefined && JSON.stringify(first) !== JSON.stringify(second)) {
    const expected = 'the settings that rope_scaling has';
    throw fail({ subject: 'rope_parameters', found: quoteJson(json.rope_parameters), expected });
  }
  return first ?? { type: 'default', theta: readTheta(reader) ?? DEFAULT_THETA };
}

function parseSettings(reader: ConfigReader, key: string, numPositions: number): RopeConfig {
  const inner = reader.inner(key);
  const { json, read } = inner;
  const names = Object.keys(TYPES);
  const typeKey = json.rope_type === undefined ? 'type' : 'rope_type';
  const isType = (value: unknown): value is string => names.some((name) => name === value);
  const type = read(typeKey, isType, `one of ${names.join(', ')}`, 'default');
  const same = (value: unknown) => value === type;
  read('type', (value): value is unknown => value === undefined || same(value), `${type}, as rope_type`);
  const { keys, parse } = TYPES[type]!;
  checkKeys(inner, [...COMMON_KEYS, ...keys]);
  read('partial_rotary_factor', (value) => value === null || value === 1, '1: all of a head turns', null);
  const theta = agreed(inner, 'rope_theta', readTheta(inner), readTheta(reader)) ?? DEFAULT_THETA;
  const originalMaxPositions = () => {
    const own = readSize(inner, 'original_max_position_embeddings');
    const outer = readSize(reader, 'original_max_position_embeddings');
    return agreed(inner, 'original_max_position_embeddings', own, outer) ?? numPositions;
  };
  return parse({ ...inner, base: { theta }, numPositions, originalMaxPositions });
}

function checkKeys({ json, fail }: ConfigReader, known: readonly string[]): void {
  for (const [key, value] of Object.entries(json)) {
    if (value === null || known.includes(key)) continue;
    throw fail({ subject: quoteJson(key), found: 'unknown', expected: expectedNames(key, known) });
  }
}

function parseLlama3(from: Settings): RopeConfig {
  const { base, read, fail } = from;
  const positive = (key: string) => read(key, isPositive, POSITIVE);
  const lowFreqFactor = positive('low_freq_factor');
  const highFreqFactor = positive('high_freq_factor');
  if (highFreqFactor <= lowFreqFactor) {
    throw fail({
      subject: 'high_freq_factor',
      found: highFreqFactor,
      expected: `over low_freq_factor (${lowFreqFactor})`,
    });
  }
  const originalMaxPositions = from.originalMaxPositions();
  return { type: 'llama3', ...base, factor: positive('factor'), lowFreqFactor, highFreqFactor, originalMaxPositions };
}

function parseYarn(from: Settings): RopeConfig {
  const { base, flag, numPositions, fail } = from;
  const originalMaxPositions = from.originalMaxPositions();
  const factor = numberOr(from, 'factor') ?? numPositions / originalMaxPositions;
  // As in transformers, 0 means the default.
  const betaFast = numberOr(from, 'beta_fast') || DEFAULT_BETA_FAST;
  const betaSlow = numberOr(from, 'beta_slow') || DEFAULT_BETA_SLOW;
  if (betaFast < betaSlow) {
    throw fail({ subject: 'beta_fast', found: betaFast, expected: `at least beta_slow (${betaSlow})` });
  }
  const mscale = numberOr(from, 'mscale');
  const mscaleAllDim = numberOr(from, 'mscale_all_dim');
  const suggested =
    mscale && mscaleAllDim ? magnitude(factor, mscale) / magnitude(factor, mscaleAllDim) : magnitude(factor, 1);
  const attentionFactor = numberOr(from, 'attention_factor') ?? suggested;
  const truncate = flag('truncate', true);
  return { type: 'yarn', ...base, factor, originalMaxPositions, betaFast, betaSlow, truncate, attentionFactor };
}

/** Growth of cosines and sines that the paper suggests for a factor, in its equation 22 for `scale` 1. */
function magnitude(factor: number, scale: number): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}

function numberOr({ read }: ConfigReader, key: string): number | null {
  const isNumber = (value: unknown): value is number | null => value === null || value === 0 || isPositive(value);
  return read(key, isNumber, `0, ${POSITIVE}, or null`, null);
}

function readTheta({ read }: ConfigReader): number | null {
  const isBase = (value: unknown): value is number | null => value === null || (isPositive(value) && value > 1);
  return read('rope_theta', isBase, 'a number above 1 that f32 holds', null);
}

function readSize({ read }: ConfigReader, key: string): number | null {
  return read(key, (value) => value === null || isSize(value), 'a positive integer', null);
}

/** Takes the number of one place or the other; versions of transformers differ in which they prefer. */
function agreed({ fail }: ConfigReader, key: string, own: number | null, outer: number | null): number | null {
  if (own !== null && outer !== null && own !== outer) {
    throw fail({ subject: key, found: own, expected: `${outer}, as outside of the rotary settings` });
  }
  return own ?? outer;
}
