import { describe, expect, test } from 'vitest';
import { deriveSeed, resolveSamplingParams, type SamplingOptions } from '../../src/core/sampling-params.ts';
import { RangeValueError } from '../../src/util/errors.ts';

const room = 40;

describe('resolveSamplingParams', () => {
  test('fills in temperature 1, no filters, 16 tokens and the eos rule', () => {
    const { seed, ...params } = resolveSamplingParams({}, { room });
    expect(params).toEqual({ maxTokens: 16, temperature: 1, topK: 0, topP: 1, minP: 0, ignoreEos: false });
    expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true);
  });

  test('keeps every value that is given, zeros and bounds included', () => {
    const options = { maxTokens: 40, temperature: 0, topK: 3, topP: 0.5, minP: 1, seed: 0, ignoreEos: true };
    expect(resolveSamplingParams(options, { room })).toEqual(options);
    expect(resolveSamplingParams({ seed: 2 ** 53 - 1 }, { room }).seed).toBe(2 ** 53 - 1);
  });

  test('takes undefined for a missing value', () => {
    expect(resolveSamplingParams({ temperature: undefined, maxTokens: undefined }, { room })).toMatchObject({
      temperature: 1,
      maxTokens: 16,
    });
  });

  test('draws another seed for each request', () => {
    const seeds = Array.from({ length: 50 }, () => resolveSamplingParams({}, { room }).seed);
    expect(new Set(seeds).size).toBe(50);
    // 50 draws below 2^32 would have a probability of 2^-1050.
    expect(Math.max(...seeds)).toBeGreaterThan(2 ** 32);
  });

  test('clips the default of maxTokens to the room and refuses a given one beyond it with both numbers', () => {
    expect(resolveSamplingParams({}, { room: 5 }).maxTokens).toBe(5);
    expect(() => resolveSamplingParams({ maxTokens: 6 }, { room: 5 })).toThrow(
      'maxTokens is 6, expected at most 5, the room that the prompt leaves in the context',
    );
  });

  test('names an unknown option and the known ones', () => {
    const misspelt: object = { top_k: 3 };
    expect(() => resolveSamplingParams(misspelt, { room })).toThrow(
      'sampling parameter is "top_k", expected one of maxTokens, temperature, topK, topP, minP, seed, ignoreEos',
    );
  });

  const refused: [keyof SamplingOptions, unknown[]][] = [
    ['maxTokens', [0, -1, 1.5, Number.NaN, Infinity, '3', null]],
    ['temperature', [-0.1, Number.NaN, Infinity, '1', null]],
    ['topK', [-1, 0.5, Number.NaN, '1', null]],
    ['topP', [0, -0.1, 1.01, Number.NaN, '1', null]],
    ['minP', [-0.1, 1.01, Number.NaN, '0', null]],
    ['seed', [-1, 0.5, 2 ** 53, Number.NaN, '1', null]],
    ['ignoreEos', [0, 'true', null]],
  ];
  test.each(refused)('refuses %s out of its range or type', (parameter, values) => {
    for (const value of values) {
      const options: object = { [parameter]: value };
      expect(() => resolveSamplingParams(options, { room }), String(value)).toThrow(RangeValueError);
      expect(() => resolveSamplingParams(options, { room })).toThrow(new RegExp(`^${parameter} is `));
    }
  });
});

test('derived seeds differ by index, repeat, and are seeds again', () => {
  const seeds = Array.from({ length: 100 }, (_, index) => deriveSeed(0, index));
  expect(new Set(seeds).size).toBe(100);
  expect(seeds).toEqual(Array.from({ length: 100 }, (_, index) => deriveSeed(0, index)));
  for (const seed of seeds) expect(resolveSamplingParams({ seed }, { room }).seed).toBe(seed);
});
