// Mistakes of callers of the float64 oracles: each is one line that names the argument, the value, and what was expected.
import { expect, test } from 'vitest';
import * as reference from '../../src/reference/index.ts';

const {
  adjustLogits,
  argmax,
  attention,
  attentionOfPattern,
  attentionPattern,
  embed,
  erf,
  gumbelSample,
  halfBound,
  layerNorm,
  matmul,
  matmulTransposed,
  processLogits,
  rmsNorm,
  rotate,
  softmax,
  sumBound,
} = reference;

const x = new Float64Array(6);
const f32 = new Float32Array(6);
const FILTERS = { temperature: 1, topK: 0, topP: 1, minP: 0 };
const HEADS = { T: 1, context: 3, H: 2, D: 1, scale: 1 };
const ROTATION = { T: 3, heads: 1, D: 2, start: 0 };
const GPT2: reference.ReferenceGPT2Config = {
  ...{ numLayers: 0, numHeads: 1, headDim: 2, hiddenSize: 2, mlpSize: 8, vocabSize: 3, numPositions: 4 },
  ...{ layerNormEpsilon: 1e-5, activation: 'gelu_new', scaleAttnWeights: true, scaleAttnByInverseLayerIdx: false },
};
const LLAMA: reference.ReferenceLlamaConfig = {
  ...{ numLayers: 0, numHeads: 1, numKVHeads: 1, headDim: 2, hiddenSize: 2, mlpSize: 8, vocabSize: 3, numPositions: 4 },
  ...{ window: null, normEpsilon: 1e-5, rope: { type: 'default', theta: 1e4 } },
  ...{ attentionBias: { qkv: false, output: false }, mlpBias: false, qkNorm: false },
};
const weights = (_: string, shape: readonly number[]) => new Float64Array(shape.reduce((a, b) => a * b));
const gpt2 = new reference.ReferenceGPT2(GPT2, weights);
const state = gpt2.createState();
const newGPT2 = (...given: ConstructorParameters<typeof reference.ReferenceGPT2>) =>
  new reference.ReferenceGPT2(...given);
const newLlama = (...given: ConstructorParameters<typeof reference.ReferenceLlama>) =>
  new reference.ReferenceLlama(...given);
const extend = (...given: Parameters<typeof gpt2.extend>) => gpt2.extend(...given);

/** Calls a function as a program without types would. */
function call(action: unknown, given: readonly unknown[]): () => unknown {
  return () => (typeof action === 'function' ? action(...given) : undefined);
}

const MADE_BY_FROM = 'expected a Float64Array (Float64Array.from makes one)';

test.each<[mistake: string, action: unknown, given: readonly unknown[], message: string]>([
  [
    'f32 rows',
    layerNorm,
    [f32, x, x, { M: 1, C: 6, epsilon: 0 }],
    `layerNorm x is an object of class Float32Array, ${MADE_BY_FROM}`,
  ],
  ['no dims', layerNorm, [x, x, x], 'dims of layerNorm is undefined, expected an object'],
  [
    'a size left out',
    layerNorm,
    [x, x, x, { C: 6, epsilon: 0 }],
    'M of dims of layerNorm is undefined, expected an integer ≥ 0',
  ],
  [
    'eps for epsilon',
    layerNorm,
    [x, x, x, { M: 1, C: 6, eps: 0 }],
    'key of dims of layerNorm is "eps", expected one of M, C, epsilon',
  ],
  [
    'a negative epsilon',
    layerNorm,
    [x, x, x, { M: 1, C: 6, epsilon: -1 }],
    'epsilon of dims of layerNorm is -1, expected a finite number ≥ 0',
  ],
  [
    'a short gamma',
    layerNorm,
    [x, x.subarray(1), x, { M: 1, C: 6, epsilon: 0 }],
    'layerNorm gamma.length is 5, expected 6',
  ],
  ['no beta', layerNorm, [x, x, undefined, { M: 1, C: 6, epsilon: 0 }], `layerNorm beta is undefined, ${MADE_BY_FROM}`],
  [
    'a beta',
    rmsNorm,
    [x, x, x, { M: 1, C: 6, epsilon: 0 }],
    'dims of rmsNorm is an object of class Float64Array, expected an object',
  ],
  ['rows of other length', rmsNorm, [x, x, { M: 2, C: 6, epsilon: 0 }], 'rmsNorm x.length is 6, expected 12'],
  [
    'an epsilon as text',
    rmsNorm,
    [x, x, { M: 1, C: 6, epsilon: '1e-5' }],
    'epsilon of dims of rmsNorm is "1e-5", expected a finite number ≥ 0',
  ],
  ['plain numbers', matmul, [[1, 2], x, undefined, { M: 1, K: 2, N: 3 }], `matmul x is [1, 2], ${MADE_BY_FROM}`],
  ['weights of other size', matmul, [x, x, undefined, { M: 3, K: 2, N: 2 }], 'matmul w.length is 6, expected 4'],
  ['a short bias', matmul, [x, x, x, { M: 3, K: 2, N: 3 }], 'matmul bias.length is 6, expected 3'],
  ['null for no bias', matmul, [x, x, null, { M: 3, K: 2, N: 3 }], `matmul bias is null, ${MADE_BY_FROM}`],
  ['the dims for the bias', matmul, [x, x, { M: 3, K: 2, N: 3 }], 'dims of matmul is undefined, expected an object'],
  [
    'half a row',
    matmul,
    [x, x, undefined, { M: 1.5, K: 2, N: 3 }],
    'M of dims of matmul is 1.5, expected an integer ≥ 0',
  ],
  [
    'a bias',
    matmulTransposed,
    [x, x, x, { M: 3, K: 2, N: 3 }],
    'dims of matmulTransposed is an object of class Float64Array, expected an object',
  ],
  [
    'small letters',
    matmulTransposed,
    [x, x, { m: 3, k: 2, n: 3 }],
    'key of dims of matmulTransposed is "m", expected one of M, K, N (did you mean "M"?)',
  ],
  ['a Float32Array', softmax, [f32], `softmax x is an object of class Float32Array, ${MADE_BY_FROM}`],
  ['a list', argmax, [[1, 2]], `argmax x is [1, 2], ${MADE_BY_FROM}`],
  ['nothing', reference.logSoftmax, [], `logSoftmax x is undefined, ${MADE_BY_FROM}`],
  ['a number', reference.gelu, [1], `gelu x is 1, ${MADE_BY_FROM}`],
  ['halves', reference.geluNew, [Float16Array.of(1)], `geluNew x is an object of class Float16Array, ${MADE_BY_FROM}`],
  ['integers', reference.relu, [Int32Array.of(1)], `relu x is an object of class Int32Array, ${MADE_BY_FROM}`],
  ['a text', reference.silu, ['1'], `silu x is "1", ${MADE_BY_FROM}`],
  ['a text', erf, ['1'], 'x is "1", expected a number'],
  ['an array', reference.erfc, [x], 'x is an object of class Float64Array, expected a number'],
  ['an array', sumBound, [x, 6], 'magnitude is an object of class Float64Array, expected a number'],
  ['no K', sumBound, [1], 'K is undefined, expected a number'],
  ['no error', halfBound, [undefined, 1], 'error is undefined, expected a number'],
  ['an array', reference.additionBound, [0, x], 'want is an object of class Float64Array, expected a number'],
  [
    'no scale',
    attention,
    [x, x, x, { T: 1, context: 3, H: 2, D: 1 }],
    'scale of dims of attention is undefined, expected a finite number',
  ],
  [
    'more queries than keys',
    attention,
    [x, x, x, { ...HEADS, T: 4 }],
    'context of dims of attention is 3, expected at least T, which is 4',
  ],
  [
    'key heads that share nothing',
    attention,
    [x, x, x, { ...HEADS, H: 3, G: 2 }],
    'G of dims of attention is 2, expected a divisor of H, which is 3',
  ],
  [
    'an empty window',
    attention,
    [x, x, x, { ...HEADS, window: 0 }],
    'window of dims of attention is 0, expected an integer ≥ 1 or null',
  ],
  ['queries of other size', attention, [x, x, x, HEADS], 'attention q.length is 6, expected 2'],
  [
    'f32 keys',
    attention,
    [x.subarray(4), f32, x, HEADS],
    `attention k is an object of class Float32Array, ${MADE_BY_FROM}`,
  ],
  ['values of other size', attention, [x.subarray(4), x, x.subarray(1), HEADS], 'attention v.length is 5, expected 6'],
  ['no values', attention, [x.subarray(4), x, HEADS], 'dims of attention is undefined, expected an object'],
  [
    'a name of its own',
    attention,
    [x, x, x, { ...HEADS, causal: true }],
    'key of dims of attention is "causal", expected one of T, context, H, G, D, scale, window',
  ],
  ['no heads', attention, [x, x, x, { ...HEADS, H: 0 }], 'H of dims of attention is 0, expected an integer ≥ 1'],
  [
    'values',
    attentionPattern,
    [x.subarray(4), x, x, HEADS],
    'dims of attention is an object of class Float64Array, expected an object',
  ],
  [
    'keys of other size',
    attentionPattern,
    [x.subarray(4), x.subarray(2), HEADS],
    'attentionPattern k.length is 4, expected 6',
  ],
  [
    'a pattern of scores',
    attentionOfPattern,
    [x.subarray(1), x, HEADS],
    'attentionOfPattern pattern.length is 5, expected 6',
  ],
  ['an id that is no row', embed, [[3], x, 2], 'ids[0] is 3, expected an integer in [0, 3)'],
  ['an f32 table', embed, [[0], f32, 2], `table is an object of class Float32Array, ${MADE_BY_FROM}`],
  ['rows of other width', embed, [[0], x, 4], 'C is 4, expected a divisor of the 6 elements of the table'],
  [
    'an odd head',
    rotate,
    [x, { type: 'default', theta: 1 }, { ...ROTATION, D: 3 }],
    'D of dims of rotate is 3, expected an even integer ≥ 0',
  ],
  [
    'no start',
    rotate,
    [x, { type: 'default', theta: 1 }, { T: 3, heads: 1, D: 2 }],
    'start of dims of rotate is undefined, expected an integer ≥ 0',
  ],
  [
    'an unknown type',
    rotate,
    [x, { type: 'ntk', theta: 1 }, ROTATION],
    'type of rope is "ntk", expected one of default, linear, llama3, yarn',
  ],
  [
    'no settings',
    rotate,
    [x, null, ROTATION],
    'type of rope is undefined, expected one of default, linear, llama3, yarn',
  ],
  [
    'a factor left out',
    rotate,
    [x, { type: 'linear', theta: 1 }, ROTATION],
    'factor of rope is undefined, expected a finite number',
  ],
  [
    'a setting of another type',
    rotate,
    [x, { type: 'linear', theta: 1, factor: 2, betaFast: 32 }, ROTATION],
    'key of rope is "betaFast", expected one of theta, type, freqFactors, factor',
  ],
  [
    'x of other size',
    rotate,
    [x, { type: 'default', theta: 1 }, { ...ROTATION, T: 4 }],
    'rotate x.length is 6, expected 8',
  ],
  ['f32 logits', processLogits, [f32, FILTERS], `logits is an object of class Float32Array, ${MADE_BY_FROM}`],
  ['no filters', processLogits, [x], 'filters is undefined, expected an object'],
  [
    'a filter left out',
    processLogits,
    [x, { temperature: 1, topK: 0, topP: 1 }],
    'minP of filters is undefined, expected a number in [0, 1]',
  ],
  [
    'top_k',
    processLogits,
    [x, { ...FILTERS, top_k: 3 }],
    'key of filters is "top_k", expected one of temperature, topK, topP, minP (did you mean "topK"?)',
  ],
  [
    'a temperature below 0',
    processLogits,
    [x, { ...FILTERS, temperature: -1 }],
    'temperature of filters is -1, expected a finite number ≥ 0',
  ],
  ['a topP of 0', processLogits, [x, { ...FILTERS, topP: 0 }], 'topP of filters is 0, expected a number in (0, 1]'],
  [
    'a topK with a fraction',
    processLogits,
    [x, { ...FILTERS, topK: 1.5 }],
    'topK of filters is 1.5, expected an integer ≥ 0',
  ],
  ['no seed', gumbelSample, [x, FILTERS], 'seed is undefined, expected an integer in [0, 2^53)'],
  ['no position', gumbelSample, [x, FILTERS, 1], 'position is undefined, expected an integer ≥ 0'],
  ['no penalties', adjustLogits, [x], 'penalties is undefined, expected an object'],
  [
    'ids beyond the vocabulary',
    adjustLogits,
    [x, { maskedIds: [6] }],
    'maskedIds is [6], expected a list of integers in [0, 6)',
  ],
  [
    'biases as a list',
    adjustLogits,
    [x, { logitBias: [1] }],
    'logitBias is [1], expected finite numbers by integers in [0, 6)',
  ],
  [
    'a bias of no token',
    adjustLogits,
    [x, { logitBias: { a: 1 } }],
    'logitBias is an object, expected finite numbers by integers in [0, 6)',
  ],
  [
    'a repetition penalty of 0',
    adjustLogits,
    [x, { repetitionPenalty: 0 }],
    'repetitionPenalty is 0, expected a finite number > 0',
  ],
  [
    'a misspelt penalty',
    adjustLogits,
    [x, { presencePenalties: 1 }],
    'key of penalties is "presencePenalties", expected one of promptIds, outputIds, logitBias, repetitionPenalty, presencePenalty, frequencyPenalty, maskedIds, mask (did you mean "presencePenalty"?)',
  ],
  ['no configuration', newGPT2, [undefined, weights], 'config is undefined, expected an object'],
  [
    "Hugging Face's names",
    newGPT2,
    [{ ...GPT2, n_layer: 2 }, weights],
    'key of config is "n_layer", expected one of numLayers, numHeads, headDim, hiddenSize, mlpSize, vocabSize, numPositions, layerNormEpsilon, activation, scaleAttnWeights, scaleAttnByInverseLayerIdx (did you mean "numLayers"?)',
  ],
  [
    'another activation',
    newGPT2,
    [{ ...GPT2, activation: 'silu' }, weights],
    'activation of config is "silu", expected one of gelu_new, gelu, relu',
  ],
  [
    'weights in a Map',
    newGPT2,
    [GPT2, new Map()],
    'tensors is an object of class Map, expected a function that gives a weight by its name',
  ],
  ['f32 weights', newGPT2, [GPT2, () => f32], `wte.weight is an object of class Float32Array, ${MADE_BY_FROM}`],
  [
    'weights of another size',
    newGPT2,
    [{ ...GPT2, vocabSize: 4 }, () => x],
    'wte.weight.length is 6, expected 8 for [4,2]',
  ],
  ['a text for ids', extend, [state, 'abc'], 'ids is "abc", expected a list of token ids'],
  ['ids for the state', extend, [[1, 2]], 'state is [1, 2], expected a value of createState'],
  ['an id beyond the vocabulary', extend, [state, [0, 3]], 'ids[1] is 3, expected an integer in [0, 3)'],
  ['more tokens than positions', extend, [state, [0, 0, 0, 0, 0]], 'sequence length is 5, expected at most 4'],
  [
    'a row that is none',
    extend,
    [state, [0], { logitsRows: [1] }],
    'logitsRows[0] is 1, expected an integer in [0, 1)',
  ],
  ['one row', extend, [state, [0], { logitsRows: 0 }], 'logitsRows is 0, expected a list of integers'],
  [
    'taps',
    extend,
    [state, [0], { taps: [] }],
    'key of options of the forward pass is "taps", expected one of logitsRows, onPoint',
  ],
  [
    'a rope that is none',
    newLlama,
    [{ ...LLAMA, rope: { theta: 1 } }, weights],
    'type of rope is undefined, expected one of default, linear, llama3, yarn',
  ],
  [
    'no window',
    newLlama,
    [{ ...LLAMA, window: undefined }, weights],
    'window of config is undefined, expected an integer ≥ 1 or null',
  ],
  [
    'a bias as a flag',
    newLlama,
    [{ ...LLAMA, attentionBias: true }, weights],
    'attentionBias of config is true, expected an object',
  ],
  ['another storage', newLlama, [LLAMA, weights, { kvDtype: 'f32' }], 'kvDtype is "f32", expected one of f64, f16'],
  ['no weights', newLlama, [LLAMA], 'tensors is undefined, expected a function that gives a weight by its name'],
])('%s is refused in one line', (_, action, given, message) => {
  expect(call(action, given)).toThrow(expect.objectContaining({ name: 'RangeValueError', message }));
});

test('a weight that is missing is named', () => {
  expect(() => newGPT2(GPT2, () => undefined)).toThrow('wte.weight is missing, expected [3,2]');
  expect(() => newLlama(LLAMA, () => undefined)).toThrow('embed_tokens.weight is missing, expected [3,2]');
});
