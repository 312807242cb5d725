// Constants that a kernel's shader and its packing in TypeScript must share: the texts are compared.
import { expect, test } from 'vitest';
import { NORM_LOADS, STRIPS } from '../../bench/estimate/loop-work.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import {
  ADJUST_ENTRY_WORDS,
  ADJUST_MASKED,
  ADJUST_ROW_WORDS,
  ADJUST_SEEN,
  NO_NEWEST_SLOT,
} from '../../src/kernels/adjust-logits/adjust-logits.ts';
import { adjustEntryWords, adjustRowWords } from '../../src/kernels/adjust-logits/adjust-row.ts';
import { NORM_LANES } from '../../src/kernels/layernorm/expected.ts';
import { NORM_HELD, NORM_PARTS } from '../../src/kernels/layernorm/layernorm.ts';
import { LOGPROB_WORDS, MAX_TOP_LOGPROBS } from '../../src/kernels/logprobs/logprobs.ts';
import { NO_MASK } from '../../src/kernels/mask-logits/mask-logits.ts';
import { SAMPLING_WORDS, samplingWords } from '../../src/kernels/sample/sampling-row.ts';
import { f32Bits } from '../../src/util/math.ts';

/** The u32 constant of a shader. */
function constantOf(shader: string, name: string): number {
  const [, value] = shaderSources()[shader]?.match(new RegExp(`^const ${name} = (0x[0-9a-f]+|\\d+)u;`, 'm')) ?? [];
  expect(value, `${name} of shaders/${shader}.wgsl`).toBeDefined();
  return Number(value);
}

test.each([
  ['sample_row', 'WORDS', SAMPLING_WORDS],
  ['adjust_logits', 'ROW_WORDS', ADJUST_ROW_WORDS],
  ['adjust_logits', 'SEEN', ADJUST_SEEN],
  ['adjust_logits', 'MASKED', ADJUST_MASKED],
  ['adjust_logits', 'NO_SLOT', NO_NEWEST_SLOT],
  ['mask_logits', 'NO_MASK', NO_MASK],
  ['logprobs', 'MAX_TOP', MAX_TOP_LOGPROBS],
  ['sample_strips', 'STRIPS', STRIPS],
  ['norm_lanes', 'WIDTH', NORM_LANES],
  ['norm_row', 'PARTS', NORM_PARTS],
  ['norm_parts', 'HELD', NORM_HELD],
  ['matmul_norm', 'LOADS', NORM_LOADS],
])('%s: %s is the kernel’s', (shader, name, value) => {
  expect(constantOf(shader, name)).toBe(value);
});

test('a record of log-probabilities is as long as the shader has it', () => {
  expect(shaderSources().logprobs).toContain('const RECORD_WORDS = 1u + 2u * MAX_TOP;');
  expect(LOGPROB_WORDS).toBe(1 + 2 * MAX_TOP_LOGPROBS);
});

test('a row of `sampling` has each parameter at the word where the shader reads it', () => {
  const row = {
    temperature: 0.5,
    topK: 7,
    topP: 0.25,
    minP: 0.125,
    seed: 2 ** 32 * 3 + 5,
    position: 11,
    tokenSlot: 13,
  };
  const words = samplingWords(row);
  expect(words.length).toBe(SAMPLING_WORDS);
  const at = (name: string) => words[constantOf('sample_row', name)];
  expect(at('TEMPERATURE')).toBe(f32Bits(0.5));
  expect(at('TOP_K')).toBe(7);
  expect(at('TOP_P')).toBe(f32Bits(0.25));
  expect(at('MIN_P')).toBe(f32Bits(0.125));
  expect(at('SEED_LOW')).toBe(5);
  expect(at('SEED_HIGH')).toBe(3);
  expect(at('POSITION')).toBe(11);
  expect(at('TOKEN_SLOT')).toBe(13);
});

test('a row of adjustments has each number at the word where the shader reads it', () => {
  const penalties = { repetitionPenalty: 2, presencePenalty: 0.5, frequencyPenalty: 0.25 };
  const words = adjustRowWords({ ...penalties, tokens: [], newestTokenSlot: 9 }, 3, 8);
  expect(words.length).toBe(ADJUST_ROW_WORDS);
  const at = (name: string) => words[constantOf('adjust_logits', name)];
  expect(at('FIRST_ENTRY')).toBe(3);
  expect(at('END_ENTRY')).toBe(8);
  expect(at('REPETITION')).toBe(f32Bits(2));
  expect(at('PRESENCE')).toBe(f32Bits(0.5));
  expect(at('FREQUENCY')).toBe(f32Bits(0.25));
  expect(at('NEWEST_SLOT')).toBe(9);
  expect(adjustRowWords(null, 3, 3)).toEqual([3, 3, f32Bits(1), 0, 0, NO_NEWEST_SLOT]);
});

test('an entry of adjustments is id, count, bias and flags', () => {
  const entry = { id: 4, outputCount: 2, bias: -1.5, isSeen: true, isMasked: true };
  expect(adjustEntryWords(entry)).toEqual([4, 2, f32Bits(-1.5), ADJUST_SEEN | ADJUST_MASKED]);
  expect(adjustEntryWords(entry).length).toBe(ADJUST_ENTRY_WORDS);
});
