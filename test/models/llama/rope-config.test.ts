// Rotary settings: both spellings, the parameters of each type as transformers reads them, and everything else refused by name.
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/models/config.ts';
import { parseLlamaConfig } from '../../../src/models/llama/config.ts';

const sizes = {
  model_type: 'llama',
  num_hidden_layers: 1,
  num_attention_heads: 1,
  hidden_size: 8,
  intermediate_size: 8,
  vocab_size: 8,
  max_position_embeddings: 4096,
};
const parse = (keys: object) => parseLlamaConfig({ ...sizes, ...keys }, 'config.json').rope;

const linear = { rope_type: 'linear', factor: 4 };
const llama3 = { rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4 };
const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024 };

test('the two spellings mean the same', () => {
  for (const settings of [linear, llama3, yarn, { rope_type: 'default' }]) {
    const old = parse({ rope_theta: 5e5, rope_scaling: settings });
    expect(parse({ rope_parameters: { ...settings, rope_theta: 5e5 } })).toEqual(old);
    expect(parse({ rope_theta: 5e5, rope_scaling: settings, rope_parameters: settings })).toEqual(old);
    expect(old).toMatchObject({ type: settings.rope_type, theta: 5e5 });
  }
});

test('null and {} are no settings, and the base is 10,000 where none is given', () => {
  for (const none of [null, {}, undefined]) {
    expect(parse({ rope_scaling: none, rope_parameters: none })).toEqual({ type: 'default', theta: 10_000 });
    expect(parse({ rope_scaling: none, rope_theta: 300 })).toEqual({ type: 'default', theta: 300 });
  }
  expect(parse({ rope_scaling: linear })).toEqual({ type: 'linear', theta: 10_000, factor: 4 });
});

test('`type` stands in for `rope_type`', () => {
  expect(parse({ rope_scaling: { type: 'linear', factor: 4 } })).toEqual(parse({ rope_scaling: linear }));
  expect(parse({ rope_scaling: { ...linear, type: 'linear' } })).toEqual(parse({ rope_scaling: linear }));
});

test('llama3 and yarn take the positions before the scaling from the settings, from beside them, or from the model', () => {
  for (const settings of [llama3, { rope_type: 'yarn', factor: 4 }]) {
    const inside = { ...settings, original_max_position_embeddings: 512 };
    expect(parse({ rope_scaling: inside })).toMatchObject({ originalMaxPositions: 512 });
    expect(parse({ rope_scaling: settings, original_max_position_embeddings: 512 })).toEqual(
      parse({ rope_scaling: inside }),
    );
    expect(parse({ rope_scaling: settings })).toMatchObject({ originalMaxPositions: 4096 });
  }
});

describe('yarn', () => {
  test('has the defaults of transformers', () => {
    expect(parse({ rope_scaling: yarn })).toEqual({
      type: 'yarn',
      theta: 10_000,
      factor: 4,
      originalMaxPositions: 1024,
      betaFast: 32,
      betaSlow: 1,
      truncate: true,
      attentionFactor: 1 + Math.log(4) / 10,
    });
    const empty = { factor: null, beta_fast: 0, beta_slow: null, attention_factor: null, mscale: null };
    expect(parse({ rope_scaling: { ...yarn, ...empty } })).toEqual(parse({ rope_scaling: yarn }));
  });

  test('takes every parameter', () => {
    const keys = { beta_fast: 16, beta_slow: 2, truncate: false, attention_factor: 0.5 };
    expect(parse({ rope_scaling: { ...yarn, ...keys } })).toMatchObject({
      betaFast: 16,
      betaSlow: 2,
      truncate: false,
      attentionFactor: 0.5,
    });
  });

  test.each<[object, number]>([
    [{ mscale: 0.8, mscale_all_dim: 1 }, (1 + 0.08 * Math.log(4)) / (1 + 0.1 * Math.log(4))],
    [{ mscale: 1, mscale_all_dim: 1 }, 1],
    [{ mscale: 2 }, 1 + 0.1 * Math.log(4)],
    [{ mscale: 2, mscale_all_dim: 0 }, 1 + 0.1 * Math.log(4)],
    [{ mscale: 2, mscale_all_dim: 1, attention_factor: 3 }, 3],
    [{ factor: 1 }, 1],
  ])('has the attention factor of %j', (keys, factor) => {
    expect(parse({ rope_scaling: { ...yarn, ...keys } })).toMatchObject({
      attentionFactor: expect.closeTo(factor, 14),
    });
  });
});

describe('settings are refused', () => {
  test.each<[object, string]>([
    [{ rope_theta: 1 }, 'rope_theta is 1, expected a number above 1'],
    [{ rope_theta: 1e39 }, 'rope_theta is 1e+39, expected a number above 1 that f32 holds'],
    [{ rope_theta: '1e4' }, 'rope_theta is "1e4", expected'],
    [{ rope_scaling: 'linear' }, 'rope_scaling is "linear", expected a JSON object'],
    ...['dynamic', 'longrope', 'ntk', 'proportional', 'mrope', 'su', 'toString'].flatMap((type): [object, string][] => [
      [
        { rope_scaling: { rope_type: type, factor: 2 } },
        `rope_scaling.rope_type is "${type}", expected one of default, linear, llama3, yarn`,
      ],
      [{ rope_parameters: { type, factor: 2 } }, `rope_parameters.type is "${type}", expected one of`],
    ]),
    [{ rope_scaling: { ...linear, type: 'yarn' } }, 'rope_scaling.type is "yarn", expected linear, as rope_type'],
    [{ rope_scaling: { rope_type: 'linear' } }, 'rope_scaling.factor is missing, expected a positive number'],
    [{ rope_scaling: { ...linear, factor: 0 } }, 'rope_scaling.factor is 0, expected a positive number'],
    [
      { rope_scaling: { ...linear, factor: 1e-46 } },
      'rope_scaling.factor is 1e-46, expected a positive number that f32',
    ],
    [{ rope_scaling: { ...yarn, attention_factor: 1e39 } }, 'rope_scaling.attention_factor is 1e+39, expected 0, a'],
    [
      { rope_scaling: { ...linear, partial_rotary_factor: 0.5 } },
      'rope_scaling.partial_rotary_factor is 0.5, expected 1: all of a head turns',
    ],
    [
      { rope_scaling: { ...linear, low_freq_facto: 3 } },
      'rope_scaling."low_freq_facto" is unknown, expected one of rope_type, type,',
    ],
    [{ rope_parameters: { full_attention: {} } }, 'rope_parameters."full_attention" is unknown, expected'],
    [{ rope_scaling: { ...llama3, low_freq_factor: null } }, 'rope_scaling.low_freq_factor is null, expected'],
    [
      { rope_scaling: { ...llama3, high_freq_factor: 1 } },
      'rope_scaling.high_freq_factor is 1, expected over low_freq_factor (1)',
    ],
    [
      { rope_scaling: { ...llama3, original_max_position_embeddings: 0 } },
      'rope_scaling.original_max_position_embeddings is 0, expected a positive integer',
    ],
    [
      { rope_scaling: yarn, original_max_position_embeddings: 512 },
      'rope_scaling.original_max_position_embeddings is 1024, expected 512, as outside of the rotary settings',
    ],
    [
      { rope_theta: 5e5, rope_parameters: { rope_type: 'default', rope_theta: 1e4 } },
      'rope_parameters.rope_theta is 10000, expected 500000, as outside of the rotary settings',
    ],
    [{ rope_scaling: { ...yarn, beta_slow: 64 } }, 'rope_scaling.beta_fast is 32, expected at least beta_slow (64)'],
    [{ rope_scaling: { ...yarn, mscale: -1 } }, 'rope_scaling.mscale is -1, expected 0, a positive number that f32'],
    [{ rope_scaling: { ...yarn, truncate: null } }, 'rope_scaling.truncate is null, expected true or false'],
    [
      { rope_scaling: linear, rope_parameters: { ...linear, factor: 2 } },
      'rope_parameters is {"rope_type":"linear","factor":2}, expected the settings that rope_scaling has',
    ],
  ])('%j', (keys, message) => {
    expect(() => parse(keys)).toThrow(ConfigError);
    expect(() => parse(keys)).toThrow(`config.json: ${message}`);
  });
});
