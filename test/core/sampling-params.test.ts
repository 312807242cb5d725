// Defaults, ranges and types of every sampling parameter; each refusal names the parameter and its range.
import { describe, expect, test } from 'vitest';
import { resolveSamplingParams } from '../../src/core/resolve-sampling-params.ts';
import { deriveSeed, type SamplingOptions } from '../../src/core/sampling-params.ts';
import { RangeValueError } from '../../src/util/errors.ts';

const room = 40;
const vocabSize = 100;

describe('resolveSamplingParams', () => {
  test('fills in temperature 1, no filters, 16 tokens and the eos rule', () => {
    const { seed, ...params } = resolveSamplingParams({}, { room, vocabSize });
    expect(params).toEqual({
      ...{ maxTokens: 16, minTokens: 0, temperature: 1, topK: 0, topP: 1, minP: 0, ignoreEos: false },
      ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: {} },
      ...{ stop: [], stopTokenIds: [], logprobs: null },
    });
    expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true);
  });

  test('keeps every value that is given, zeros and bounds included', () => {
    const options = {
      ...{ maxTokens: 40, minTokens: 40, temperature: 0, topK: 3, topP: 0.5, minP: 1, seed: 0, ignoreEos: true },
      ...{ repetitionPenalty: 0.1, presencePenalty: -2, frequencyPenalty: 2, logitBias: { 0: -100, 99: 100 } },
      ...{ stop: ['\n\n', ' '], stopTokenIds: [0, 99], logprobs: 0 },
    };
    expect(resolveSamplingParams(options, { room, vocabSize })).toEqual(options);
    expect(resolveSamplingParams({ seed: 2 ** 53 - 1 }, { room, vocabSize }).seed).toBe(2 ** 53 - 1);
  });

  test('takes undefined for a missing value', () => {
    expect(resolveSamplingParams({ temperature: undefined, maxTokens: undefined }, { room, vocabSize })).toMatchObject({
      temperature: 1,
      maxTokens: 16,
    });
  });

  test('draws another seed for each request', () => {
    const seeds = Array.from({ length: 50 }, () => resolveSamplingParams({}, { room, vocabSize }).seed);
    expect(new Set(seeds).size).toBe(50);
    // 50 draws below 2^32 would have a probability of 2^-1050.
    expect(Math.max(...seeds)).toBeGreaterThan(2 ** 32);
  });

  test('clips the default of maxTokens to the room and refuses a given one beyond it with both numbers', () => {
    expect(resolveSamplingParams({}, { room: 5, vocabSize }).maxTokens).toBe(5);
    expect(() => resolveSamplingParams({ maxTokens: 6 }, { room: 5, vocabSize })).toThrow(
      'maxTokens is 6, expected at most 5, the room that the prompt leaves in the context',
    );
  });

  test('names an unknown option and the known ones', () => {
    const misspelt: object = { top_k: 3 };
    expect(() => resolveSamplingParams(misspelt, { room, vocabSize })).toThrow(
      'key of sampling is "top_k", expected one of maxTokens, minTokens, temperature, topK, topP, minP, ' +
        'repetitionPenalty, presencePenalty, frequencyPenalty, logitBias, seed, stop, stopTokenIds, ignoreEos, logprobs',
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
    ['minTokens', [-1, 0.5, 17, Number.NaN, '1', null]],
    ['repetitionPenalty', [0, -1, Number.NaN, Infinity, '1', null]],
    ['presencePenalty', [-2.01, 2.01, Number.NaN, '0', null]],
    ['frequencyPenalty', [-2.01, 2.01, Number.NaN, '0', null]],
    ['logprobs', [-1, 21, 0.5, Number.NaN, '1', true]],
    ['logitBias', [null, 3, 'x', [1], new Map([[7, 1]])]],
    ['stop', ['x', null, { 0: 'x' }]],
    ['stopTokenIds', [3, null, '3']],
  ];
  test.each(refused)('refuses %s out of its range or type', (parameter, values) => {
    for (const value of values) {
      const options: object = { [parameter]: value };
      expect(() => resolveSamplingParams(options, { room, vocabSize }), String(value)).toThrow(RangeValueError);
      expect(() => resolveSamplingParams(options, { room, vocabSize })).toThrow(new RegExp(`^${parameter} is `));
    }
  });
});

const refusedParts: [SamplingOptions | object, string][] = [
  [{ logitBias: { 100: 1 } }, 'token id of logitBias is "100", expected an integer in [0, 100)'],
  [{ logitBias: { '-1': 1 } }, 'token id of logitBias is "-1", expected'],
  [{ logitBias: { '7e0': 1 } }, 'token id of logitBias is "7e0", expected'],
  [{ logitBias: { 7: 100.5 } }, 'logitBias of 7 is 100.5, expected a number in [-100, 100]'],
  [{ logitBias: { 7: Number.NaN } }, 'logitBias of 7 is NaN, expected'],
  [{ logitBias: { 7: '1' } }, 'logitBias of 7 is "1", expected'],
  [{ logitBias: Object.fromEntries(Array(301).entries()) }, 'number of logitBias is 301, expected at most 300'],
  [{ stop: ['a', ''] }, 'stop[1] is "", expected a text that is not empty'],
  [{ stop: [3] }, 'stop[0] is 3, expected a text'],
  [{ stop: Array(17).fill('a') }, 'number of stop is 17, expected at most 16'],
  [{ stopTokenIds: [99, 100] }, 'stopTokenIds[1] is 100, expected an integer in [0, 100)'],
  [{ stopTokenIds: [0.5] }, 'stopTokenIds[0] is 0.5, expected'],
  [{ stopTokenIds: Array(17).fill(0) }, 'number of stopTokenIds is 17, expected at most 16'],
  [{ maxTokens: 5, minTokens: 6 }, 'minTokens is 6, expected at most maxTokens, 5'],
];
test.each(refusedParts)('refuses %j', (options, message) => {
  expect(() => resolveSamplingParams(options, { room, vocabSize: 100 })).toThrow(RangeValueError);
  expect(() => resolveSamplingParams(options, { room, vocabSize: 100 })).toThrow(message);
});

test('parameters keep their lists when the caller changes the originals', () => {
  const options = { stop: ['a'], stopTokenIds: [1], logitBias: { 1: 1 } };
  const params = resolveSamplingParams(options, { room, vocabSize });
  options.stop.push('b');
  options.stopTokenIds.push(2);
  options.logitBias[1] = 2;
  expect(params).toMatchObject({ stop: ['a'], stopTokenIds: [1], logitBias: { 1: 1 } });
});

test('derived seeds differ by index, repeat, and are seeds again', () => {
  const seeds = Array.from({ length: 100 }, (_, index) => deriveSeed(0, index));
  expect(new Set(seeds).size).toBe(100);
  expect(seeds).toEqual(Array.from({ length: 100 }, (_, index) => deriveSeed(0, index)));
  for (const seed of seeds) expect(resolveSamplingParams({ seed }, { room, vocabSize }).seed).toBe(seed);
});
