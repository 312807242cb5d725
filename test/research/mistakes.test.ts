// Mistakes in calls of research functions as a JavaScript caller may make them: each is refused before any GPU work by one line that
// names the thing, the value, and what was expected.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDevice } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import * as research from '../../src/research/index.ts';
import { type LoadedTextModel, loadTextModel } from '../../src/research/load-text-model.ts';
import { RoseinferError } from '../../src/util/errors.ts';

/** Arguments after the model, and the message. */
type Mistake = readonly [args: readonly unknown[], message: RegExp];

const metric = () => 1;
const at = 'blocks.0.resid_post';
const clean = [1, 2, 3];
const patching = { clean, corrupted: [1, 4, 3], metric };

const MISTAKES: Readonly<Record<string, readonly Mistake[]>> = {
  activationPatching: [
    [[], /^options of activationPatching is undefined, expected an object$/],
    [[{ ...patching, clean: undefined }], /^clean is undefined, expected an array of ids$/],
    [[{ ...patching, clean: 'a king' }], /^clean is "a king", expected an array$/],
    [[{ ...patching, corrupted: [1, 2] }], /^tokens of corrupted is 2, expected 3, as clean has$/],
    [[{ ...patching, corrupted: [1, 2, 1e9] }], /^corrupted\[2\] is 1000000000, expected an integer in \[0, \d+\)$/],
    [[{ clean, corrupted: clean }], /^metric is undefined, expected a function$/],
    [[{ ...patching, metric: 3 }], /^metric is 3, expected a function$/],
    [[{ ...patching, metric: () => Number.NaN }], /^metric of the clean text is NaN, expected a finite number$/],
    [
      [{ ...patching, metric: async () => 1 }],
      /^metric of the clean text is an object of class Promise, expected a finite/,
    ],
    [[{ ...patching, at: 'resid' }], /^at is "resid", expected one of resid_pre, attn_in, /],
    [[{ ...patching, layers: [2] }], /^layers\[0\] is 2, expected an integer in \[0, 2\)$/],
    [[{ ...patching, positions: [0, 0] }], /^positions is \[0, 0\], expected at least one, and none of them twice$/],
    [[{ ...patching, layer: 1 }], /^key of options of activationPatching is "layer".*did you mean "layers"\?\)$/],
    [[{ ...patching, at: 'rot_q' }], /^taps\[0\] is "blocks.0.rot_q", expected a point that a block of GPT-2 has: /],
  ],
  headAblation: [
    [[], /^options of headAblation is undefined, expected an object$|^ids is undefined/],
    [[clean, {}], /^metric is undefined, expected a function$/],
    [[clean, { metric: 'logit' }], /^metric is "logit", expected a function$/],
    [[clean, { metric, by: 'noise' }], /^by is "noise", expected one of zero, mean$/],
    [[clean, { metric, texts: [clean] }], /^texts is \[\[…\]\], expected none, as heads are set to zero$/],
    [[clean, { metric, by: 'mean', texts: clean }], /^texts is \[1, 2, 3\], expected an array of texts, at least one$/],
    [[clean, { metric, by: 'mean', texts: [] }], /^texts is \[\], expected an array of texts, at least one$/],
    [[clean, { metric, by: 'mean', texts: [[1, -1]] }], /^texts\[0\]\[1\] is -1, expected an integer in/],
    [[clean, { metric, layers: [] }], /^layers is \[\], expected at least one, and none of them twice$/],
    [[clean, { metric, layers: 1 }], /^layers is 1, expected an array$/],
    [[[], { metric }], /^number of ids is 0, expected an integer in \[1, \d+\]$/],
    [[clean, { metric: () => {} }], /^metric of the text is undefined, expected a finite number$/],
    [[clean, { metric, heads: [1] }], /^key of options of headAblation is "heads", expected one of metric, /],
  ],
  steeringVector: [
    [[], /^options of steeringVector is undefined, expected an object$/],
    [[{ at }], /^positive is undefined, expected an array of prompts, at least one$/],
    [[{ at, positive: [clean] }], /^negative is undefined, expected an array of prompts, at least one$/],
    [
      [{ at, positive: clean, negative: [clean] }],
      /^positive is \[1, 2, 3\], expected an array of prompts, at least one$/,
    ],
    [[{ at, positive: [], negative: [clean] }], /^positive is \[\], expected an array of prompts, at least one$/],
    [[{ at, positive: [clean], negative: [[]] }], /^number of negative\[0\] is 0, expected an integer in \[1, \d+\]$/],
    [[{ at, positive: [['king']], negative: [clean] }], /^positive\[0\]\[0\] is "king", expected an integer in/],
    [[{ positive: [clean], negative: [clean] }], /^taps\[0\] is undefined, expected one of embed, /],
    [
      [{ at: 'blocks.9.z', positive: [clean], negative: [clean] }],
      /^taps\[0\] is "blocks.9.z", expected a layer from 0 to 1$/,
    ],
    [
      [{ at: 'blocks.0.pattern', positive: [clean], negative: [clean] }],
      /^at is "blocks.0.pattern", expected a point whose first size counts tokens$/,
    ],
    [
      [{ at: 'blocks.0.pattern', positive: [[1, 2]], negative: [[3, 4]] }], // as many tokens as heads
      /^at is "blocks.0.pattern", expected a point whose first size counts tokens$/,
    ],
    [
      [{ at, positive: [clean], negative: [clean], tokens: 'first' }],
      /^tokens is "first", expected one of last, mean$/,
    ],
    [[{ at, positive: [clean], negative: [clean], scale: 2 }], /^key of options of steeringVector is "scale"/],
  ],
  logitLens: [
    [[], /^ids is undefined, expected an array of ids$/],
    [['a king'], /^ids is "a king", expected an array of ids$/],
    [[[1, 1.5]], /^ids\[1\] is 1.5, expected an integer in/],
    [[clean, { points: [] }], /^points is \[\], expected at least one name of a point$/],
    [[clean, { points: 'embed' }], /^points is "embed", expected at least one name of a point$/],
    [
      [clean, { points: ['blocks.0.resid_pos'] }],
      /^taps\[0\] is "blocks.0.resid_pos", .*did you mean "blocks.0.resid_post"\?\)$/,
    ],
    [
      [clean, { points: ['blocks.0.mlp_act'] }],
      /^points\[0\] is "blocks.0.mlp_act", expected a point \[T, 128\] of the residual stream$/,
    ],
    [[clean, { position: 3 }], /^position is 3, expected an integer in \[0, 2\]$/],
    [[clean, { position: 'last' }], /^position is "last", expected an integer$/],
    [[clean, { cache: clean }], /^cache is \[1, 2, 3\], expected a cached text; prefill makes one$/],
    [[[[1], [2]]], /^ids is \[\[…\], \[…\]\], expected one text, not several$/],
    [[clean, { layers: [0] }], /^key of options of logitLens is "layers"/],
  ],
  attentionPattern: [
    [[clean], /^options of attentionPattern is undefined, expected an object$/],
    [[clean, {}], /^layer is undefined, expected an integer in \[0, 1\]$/],
    [[clean, { layer: 2 }], /^layer is 2, expected an integer in \[0, 1\]$/],
    [[clean, { layer: '0' }], /^layer is "0", expected an integer$/],
    [[clean, { layer: 0, head: 4 }], /^head is 4, expected an integer in \[0, 1\]$/],
    [[clean, { layer: 0, head: -1 }], /^head is -1, expected an integer in \[0, 1\]$/],
    [[clean, { layer: 0, heads: [1] }], /^key of options of attentionPattern is "heads".*did you mean "head"\?\)$/],
    [[clean, { layer: 0, cache: null }], /^cache is null, expected a cached text; prefill makes one$/],
    [[clean, { layer: 0, edit: {} }], /^edit is an object, expected an array$/],
    [[[], { layer: 0 }], /^number of ids is 0, expected an integer in/],
    [[[[1]], { layer: 0 }], /^ids is \[\[…\]\], expected one text, not several$/],
  ],
  nextTokens: [
    [[], /^ids is undefined, expected an array of ids$/],
    [['a king'], /^ids is "a king", expected an array of ids$/],
    [[[]], /^number of ids is 0, expected an integer in/],
    [[clean, { count: 0 }], /^count is 0, expected an integer ≥ 1$/],
    [[clean, { count: '3' }], /^count is "3", expected an integer ≥ 1$/],
    [[clean, { tokenizer: {} }], /^tokenizer is an object, expected a Tokenizer$/],
    [[clean, { top: 3 }], /^key of options of nextTokens is "top"/],
    [[clean, { cache: 1 }], /^cache is 1, expected a cached text; prefill makes one$/],
    [
      [clean, { edit: [{ at, set: 'x' }] }],
      /^edit\[0\]\.set is "x", expected a number, numbers, a Float32Array or a tensor$/,
    ],
    [[clean, { taps: [at] }], /^key of options of nextTokens is "taps"/],
  ],
  perplexity: [
    [[], /^ids is undefined, expected an array of ids$/],
    [[[1]], /^number of ids is 1, expected an integer in \[2, \d+\]$/],
    [['a king'], /^ids is "a king", expected an array of ids$/],
    [[[1, 1e9]], /^ids\[1\] is 1000000000, expected an integer in/],
    [[clean, null], /^options of perplexity is null, expected an object$/],
    [[clean, { windows: 8 }], /^key of options of perplexity is "windows".*did you mean "window"\?\)$/],
    [[clean, { window: 0 }], /^window is 0, expected an integer in \[1, \d+\]$/],
    [[clean, { window: '8' }], /^window is "8", expected an integer$/],
    [[clean, { window: 1e6 }], /^window is 1000000, expected an integer in \[1, \d+\]$/],
    [[clean, { window: 8, stride: 9 }], /^stride is 9, expected an integer in \[1, 8\]$/],
    [[clean, { stride: 0.5 }], /^stride is 0.5, expected an integer$/],
  ],
  tokenScores: [
    [[], /^ids is undefined, expected an array of ids$/],
    [[[1]], /^number of ids is 1, expected an integer in \[2, \d+\]$/],
    [[[]], /^number of ids is 0, expected an integer in \[2, \d+\]$/],
    [[[1, -2]], /^ids\[1\] is -2, expected an integer in/],
    [[['1', '2']], /^ids\[0\] is "1", expected an integer in/],
    [['a king'], /^ids is "a king", expected an array of ids$/],
    [[clean, { tokeniser: null }], /^key of options of tokenScores is "tokeniser".*did you mean "tokenizer"\?\)$/],
    [[clean, { tokenizer: 'gpt2' }], /^tokenizer is "gpt2", expected a Tokenizer$/],
    [[clean, 3], /^options of tokenScores is 3, expected an object$/],
    [[Array(1e4).fill(1)], /^number of ids is 10000, expected an integer in \[2, \d+\]$/],
  ],
};

let loaded: LoadedTextModel;
beforeAll(async () => {
  loaded = await loadTextModel('test/fixtures/models/plain');
});
afterAll(() => loaded.close());

const table = Object.entries(MISTAKES).flatMap(([name, mistakes]) =>
  mistakes.map(([args, message], i) => ({ name, i: i + 1, args, message })),
);

async function refusalOf(name: string, args: readonly unknown[]): Promise<Error> {
  try {
    await Reflect.apply(Reflect.get(research, name), null, args);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error(`${name} took it`);
}

test.each(table)('$name refuses mistake $i in a line', async ({ name, args, message }) => {
  const before = loaded.device.liveBuffers;
  const error = await refusalOf(name, [loaded.model, ...args]);
  expect(error).toBeInstanceOf(RoseinferError);
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain('\n');
  expect(loaded.device.liveBuffers).toBe(before);
});

test('ten mistakes at least of each function with a model are in the table', () => {
  for (const [name, mistakes] of Object.entries(MISTAKES)) expect(mistakes.length, name).toBeGreaterThanOrEqual(10);
});

describe.each(Object.keys(MISTAKES))('%s', (name) => {
  test('refuses what is no model, and says where a loaded one has it', async () => {
    expect((await refusalOf(name, [loaded, clean, {}])).message).toBe(
      'model is an object, expected its property `model`',
    );
    for (const model of [undefined, 'weights/tales', {}, loaded.tokenizer]) {
      expect((await refusalOf(name, [model, clean, {}])).message).toMatch(
        /^model is .*, expected a model; loadTextModel has one as `model`$/,
      );
    }
  });
});

test.each<[unknown[], RegExp]>([
  [[], /^logits is undefined, expected a Float32Array \[V\]$/],
  [[[1, 2]], /^logits is \[1, 2\], expected a Float32Array \[V\]$/],
  [[new Float32Array(0)], /^logits is an object of class Float32Array, expected a Float32Array \[V\]$/],
  [[new Float64Array(3)], /^logits is an object of class Float64Array, expected a Float32Array \[V\]$/],
  [
    [Float32Array.of(1, Number.POSITIVE_INFINITY)],
    /^largest of logits is Infinity, expected a finite number: there are/,
  ],
  [[new Float32Array(2).fill(Number.NEGATIVE_INFINITY)], /^largest of logits is -Infinity, expected a finite number/],
  [[Float32Array.of(1, Number.NaN)], /^logits\[1\] is NaN, expected a number$/],
  [[Float32Array.of(1), { count: -1 }], /^count is -1, expected an integer ≥ 1$/],
  [[Float32Array.of(1), { count: 1.5 }], /^count is 1.5, expected an integer ≥ 1$/],
  [[Float32Array.of(1), { k: 5 }], /^key of options of topTokens is "k", expected one of count, tokenizer$/],
  [[Float32Array.of(1), { tokenizer: 3 }], /^tokenizer is 3, expected a Tokenizer$/],
  [[Float32Array.of(1), 5], /^options of topTokens is 5, expected an object$/],
])('topTokens refuses %o', (args, message) => {
  expect(() => Reflect.apply(research.topTokens, null, args)).toThrow(message);
});

test.each<[unknown[], RegExp]>([
  [[], /^ids is undefined, expected an array of ids$/],
  [[clean, null], /^options of nextLogits is null, expected an object$/],
  [[clean, { taps: [] }], /^key of options of nextLogits is "taps"/],
  [[[[1], [2]]], /^ids\[0\] is \[1\], expected an integer in/],
  [[[]], /^number of ids is 0, expected an integer in/],
  [[[1, 320000]], /^ids\[1\] is 320000, expected an integer in/],
  [[clean, { cache: 5 }], /^cache is 5, expected a cached text/],
  [[clean, { edit: 'none' }], /^edit is "none", expected an array$/],
  [[clean, { edit: [{ at: 'blocks.0.y', set: 0 }] }], /^edit\[0\]\.at is "blocks.0.y", expected a point that/],
  [[clean, { edit: [{ at, position: 3, set: 0 }] }], /^edit\[0\]\.position is 3, expected an integer in \[0, 2\]$/],
])('nextLogits refuses %o', async (args, message) => {
  await expect(Reflect.apply(loaded.model.nextLogits, loaded.model, args)).rejects.toThrow(message);
});

test('unembed refuses tensors of another shape, type or device, and closed ones', async () => {
  const { model, device } = loaded;
  const C = model.config.hiddenSize;
  using wide = Tensor.create(device, 'wide', 'f32', [2, C + 1]);
  await expect(model.unembed(wide)).rejects.toThrow(`hidden is "f32[2,${C + 1}]", expected f32[R, ${C}] with R ≥ 1`);
  using words = Tensor.create(device, 'words', 'u32', [2, C]);
  await expect(model.unembed(words)).rejects.toThrow(`hidden is "u32[2,${C}]", expected f32[R, ${C}]`);
  const closed = Tensor.create(device, 'closed', 'f32', [2, C]);
  closed.close();
  await expect(model.unembed(closed)).rejects.toThrow(
    'hidden is "closed", expected a tensor of the model\'s device that is not closed',
  );
  using other = await openDevice();
  using elsewhere = Tensor.create(other, 'elsewhere', 'f32', [2, C]);
  await expect(model.unembed(elsewhere)).rejects.toThrow("expected a tensor of the model's device that is not closed");
});
