// The research model: modules, scores and perplexity equal those of the float64 reference, and one call's bits don't
// depend on another's.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { modelKernels } from '../../src/models/kernels.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { type LoadedTextModel, loadTextModel } from '../../src/research/load-text-model.ts';
import { perplexity } from '../../src/research/perplexity.ts';
import type { TextModel } from '../../src/research/text-model.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import '../../src/testing/vitest.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';
import { loadReferenceModel } from '../support/models/reference-model.ts';

const golden = readSafetensors('test/fixtures/tales/golden.safetensors');
const long = Array.from(golden.get('long.ids')!);
/** As for the goldens: 2e-4 · (1 + max |logit|) with logits below 20. */
const TOLERANCE = { abs: 2e-4 * 21 };

let loaded: LoadedTextModel;
let model: TextModel;
beforeAll(async () => {
  loaded = await loadTextModel();
  ({ model } = loaded);
});
afterAll(() => loaded.close());

describe('forward', () => {
  const ids = long.slice(0, 100);

  test('has the logits of the float64 reference at every position', async () => {
    const { logits } = await model.forward(ids);
    using owned = logits;
    expect(await owned.readF32()).toBeWithin(loadReferenceModel('weights/tales').forward(ids).logits, TOLERANCE, {
      label: 'logits',
    });
  });

  test('refuses texts whose logits and taps memory has no room for, before it runs any', async (context) => {
    if (!loaded.device.traits.isSoftware) context.skip('nothing tells the free memory of a GPU');
    const free = vi.spyOn(process, 'availableMemory').mockReturnValue(2e7);
    const before = loaded.device.liveBuffers;
    try {
      (await model.forward(ids)).close();
      // 8 texts of 100 tokens: logits [100, 8192] and probabilities [4, 100, 100] in f32.
      const bytes = 8 * 4 * (100 * 8192 + 4 * 100 * 100);
      await expect(model.forward(Array(8).fill(ids), { taps: ['blocks.0.pattern'] })).rejects.toMatchObject({
        name: 'MemoryError',
        message: expect.stringContaining('logits and taps of 800 tokens'),
        needed: bytes,
      });
      const rows = new Float32Array(1000 * model.config.hiddenSize);
      await expect(model.unembed(rows)).rejects.toThrow(/^logits of 1000 rows need 32768000 bytes /);
    } finally {
      free.mockRestore();
    }
    expect(loaded.device.liveBuffers).toBe(before);
  });

  test('refuses ids beyond the vocabulary and unknown options, and leaves nothing on the device', async () => {
    const before = loaded.device.liveBuffers;
    await expect(model.forward([5, 8192])).rejects.toThrow('ids[1] is 8192, expected an integer in [0, 8192)');
    await expect(model.forward([])).rejects.toThrow('number of ids is 0, expected an integer in [1, 1024]');
    await expect(Reflect.apply(model.forward, model, [ids, { tap: ['embed'] }])).rejects.toThrow('did you mean "taps"');
    await expect(Reflect.apply(model.forward, model, ['king'])).rejects.toThrow(
      'ids is "king", expected an array of ids',
    );
    expect(loaded.device.liveBuffers).toBe(before);
  });

  test('leaves nothing on the device, taps included, when a kernel fails to run', async () => {
    const before = loaded.device.liveBuffers;
    const refusing = vi.spyOn(loaded.device, 'checked').mockRejectedValueOnce(new Error('refused'));
    await expect(model.forward(ids, { taps: ['embed', 'final_norm'] })).rejects.toThrow('refused');
    refusing.mockRestore();
    expect(loaded.device.liveBuffers).toBe(before);
  });
});

test('calls that are made side by side give the results of each alone', async () => {
  const texts = [long.slice(0, 40), long.slice(40, 80)];
  const logitsOf = async (ids: readonly number[]) => {
    const { logits } = await model.forward(ids);
    using owned = logits;
    return owned.readF32();
  };
  const continueText = (ids: readonly number[]) =>
    model.generate(ids, { maxTokens: 3, choose: (logits) => logits.indexOf(Math.max(...logits)) });
  const alone = [];
  for (const ids of texts) alone.push([await logitsOf(ids), await continueText(ids), await model.scoreTokens(ids)]);
  const together = await Promise.all(
    texts.map((ids) => Promise.all([logitsOf(ids), continueText(ids), model.scoreTokens(ids)])),
  );
  expect(together).toEqual(alone);
  expect(together[0]).not.toEqual(together[1]);
});

describe('scoreTokens', () => {
  test('has the golden logprobs of a text of 700 tokens', async () => {
    expect(await model.scoreTokens(long)).toBeWithin(
      golden.get('long.logprobs')!,
      { abs: 2 * TOLERANCE.abs },
      { label: 'logprobs' },
    );
  });

  test('gives the same bits alone and beside other texts, in the order of the texts', async () => {
    const texts = [long.slice(0, 300), long.slice(50, 52), long.slice(100, 170), long.slice(9, 11)];
    const together = await model.scoreTexts(texts);
    for (const [i, text] of texts.entries()) expect(together[i], `text ${i}`).toEqual(await model.scoreTokens(text));
  });

  test.each([0, 8, 9, 16, 40])('scores %i texts as each alone, whatever fits into a step', async (count) => {
    const texts = Array.from({ length: count }, (_, i) => long.slice(i, i + 2 + ((5 * i) % 7)));
    const together = await model.scoreTexts(texts);
    expect(together).toHaveLength(count);
    // Texts that repeat others are scored like any other.
    expect(await model.scoreTexts([...texts.slice(0, 9), ...texts.slice(0, 9)])).toEqual([
      ...together.slice(0, 9),
      ...together.slice(0, 9),
    ]);
    for (const i of [0, 7, 8, 15, 39].filter((i) => i < count)) {
      expect(together[i], `text ${i}`).toEqual(await model.scoreTokens(texts[i]!));
    }
  });

  test('scores texts that together are longer than the context', async () => {
    using short = await loadTextModel('weights/tales', { maxModelLen: 64, onNotice: () => {} });
    const texts = [long.slice(0, 40), long.slice(50, 90), long.slice(0, 2)];
    const together = await short.model.scoreTexts(texts);
    expect(together.map(({ length }) => length)).toEqual([39, 39, 1]);
    expect(together[2]).toEqual(await short.model.scoreTokens(texts[2]!));
    expect(together[1]!.subarray(0, 9)).toEqual(await short.model.scoreTokens(long.slice(50, 60)));
  });

  test.each<[string, unknown, string]>([
    ['a single id', [[3]], 'number of texts[0] is 1, expected an integer in [2, 1025]'],
    ['an empty text', [[1, 2], []], 'number of texts[1] is 0, expected an integer in [2, 1025]'],
    ['a text beyond the context', [Array(1026).fill(1)], 'number of texts[0] is 1026, expected'],
    ['a last id beyond the vocabulary', [[1, 8192]], 'texts[0][1] is 8192, expected an integer in [0, 8192)'],
    ['an id that is none', [[1, 1.5, 2]], 'texts[0][1] is 1.5, expected an integer in [0, 8192)'],
    ['a hole', [Array(3)], 'texts[0][0] is undefined, expected'],
    ['ids as text', [['1', '2']], 'texts[0][0] is "1", expected'],
    ['a text that is no array', [[1, 2], 'king'], 'texts[1] is "king", expected an array of ids'],
    ['no texts', undefined, 'texts is undefined, expected an array of texts of ids'],
  ])('refuses %s', async (_, texts, message) => {
    const refused = Reflect.apply(model.scoreTexts, model, [texts]);
    await expect(refused).rejects.toThrow(RangeValueError);
    await expect(refused).rejects.toThrow(message);
  });
});

describe('perplexity', () => {
  const text = readFileSync('test/fixtures/tales-heldout-part.txt', 'utf8');

  test('of a held-out text equals that of the float64 reference, without and with overlap', async () => {
    const ids = loaded.tokenizer.encode(text).slice(0, 48);
    const reference = loadReferenceModel('weights/tales');
    for (const [window, stride] of [
      [20, 20],
      [24, 11],
    ] as const) {
      let nats = 0;
      let counted = 0;
      for (let start = 0; counted < ids.length - 1; start += stride) {
        const inputs = ids.slice(start, Math.min(start + window, ids.length - 1));
        const { logits } = reference.forward(inputs);
        const V = model.config.vocabSize;
        for (let t = counted - start; t < inputs.length; t++, counted++) {
          nats -= logSoftmax(logits.subarray(t * V, (t + 1) * V))[ids[start + t + 1]!]!;
        }
      }
      const got = await perplexity(model, ids, { window, stride });
      expect(got.tokens).toBe(ids.length - 1);
      expect(Math.abs(got.natsPerToken / (nats / counted) - 1)).toBeLessThan(1e-4);
      expect(got.perplexity).toBeCloseTo(Math.exp(got.natsPerToken), 10);
    }
  });

  test('refuses windows and strides out of range', async () => {
    await expect(perplexity(model, long, { window: 1025 })).rejects.toThrow(
      'window is 1025, expected an integer in [1, 1024]',
    );
    await expect(perplexity(model, long, { window: 8, stride: 9 })).rejects.toThrow(
      'stride is 9, expected an integer in [1, 8]',
    );
    for (const size of [0, -1, Number.NaN, 1.5, '8']) {
      await expect(Reflect.apply(perplexity, null, [model, long, { window: size }])).rejects.toThrow(/^window is /);
      await expect(Reflect.apply(perplexity, null, [model, long, { stride: size }])).rejects.toThrow(/^stride is /);
    }
    await expect(perplexity(model, [])).rejects.toThrow('number of ids is 0, expected an integer in [2, ');
    await expect(perplexity(model, [7])).rejects.toThrow('number of ids is 1');
    await expect(Reflect.apply(perplexity, null, [model, 'text'])).rejects.toThrow('ids is "text", expected an array');
    await expect(Reflect.apply(perplexity, null, [model, long, { windows: 8 }])).rejects.toThrow(
      'did you mean "window"',
    );
  });
});

describe('generate with a sampler on the host', () => {
  test('that takes the best id gives the golden greedy continuation', async () => {
    const { greedy } = JSON.parse(readFileSync('test/fixtures/tales/golden.json', 'utf8'));
    const { prompt_ids: prompt, completion_ids: completion } = greedy[0];
    const seen: number[] = [];
    const ids = await model.generate(prompt, {
      maxTokens: 12,
      choose: (logits, text) => {
        seen.push(text.length);
        return logits.indexOf(Math.max(...logits));
      },
    });
    expect(ids).toEqual(completion.slice(0, 12));
    expect(seen).toEqual(ids.map((_, i) => prompt.length + i));
  });

  test('ends where the sampler says so, and refuses an id that it makes up', async () => {
    const ids = await model.generate([1, 2], { maxTokens: 9, choose: (_, { length }) => (length < 5 ? 7 : null) });
    expect(ids).toEqual([7, 7, 7]);
    await expect(model.generate([1], { maxTokens: 2, choose: () => -1 })).rejects.toThrow(
      'id that choose returned is -1, expected an integer in [0, 8192)',
    );
  });

  test.each([Number.NaN, 1.5, 8192, '7', undefined, Promise.resolve(7), [7]])('refuses the choice %o', async (id) => {
    const generating = Reflect.apply(model.generate, model, [[1, 2], { maxTokens: 2, choose: () => id }]);
    await expect(generating).rejects.toThrow(/^id that choose returned is /);
  });

  test('goes on after a sampler that throws, and keeps its text from one that changes it', async () => {
    const throwing = () => {
      throw new RangeError('mine');
    };
    await expect(model.generate([1, 2], { maxTokens: 2, choose: throwing })).rejects.toThrow('mine');
    const options = { maxTokens: 3, choose: (_: unknown, ids: number[]) => ids.splice(0).length };
    expect(await Reflect.apply(model.generate, model, [[1, 2], options])).toEqual([2, 3, 4]);
  });

  test.each<[unknown, RegExp]>([
    [undefined, /^options of generate is undefined, expected an object$/],
    [{ maxTokens: 2 }, /^choose is undefined, expected a function$/],
    [{ maxTokens: 0, choose: () => 1 }, /^maxTokens is 0, expected an integer in \[1, 1022\]$/],
    [{ maxTokens: Number.NaN, choose: () => 1 }, /^maxTokens is NaN, expected/],
    [{ choose: () => 1 }, /^maxTokens is undefined, expected/],
    [{ maxTokens: 1023, choose: () => 1 }, /^maxTokens is 1023, expected an integer in \[1, 1022\]$/],
    [{ max_tokens: 2, choose: () => 1 }, /^key of options of generate is "max_tokens".*did you mean "maxTokens"/],
  ])('refuses %o', async (options, message) => {
    await expect(Reflect.apply(model.generate, model, [[1, 2], options])).rejects.toThrow(message);
  });

  test('refuses a prompt that fills the context', async () => {
    const full = Array(1024).fill(1);
    await expect(model.generate(full, { maxTokens: 1, choose: () => 1 })).rejects.toThrow(
      'maxTokens is 1, expected room for 1, but there is none',
    );
  });
});

describe('a kernel of the model', () => {
  test('is replaced by one that computes the same, with the worst difference', async () => {
    const same = mutant(modelKernels.layernorm, [['let mean =', 'let  mean =']]);
    expect(await model.replaceKernel('layernorm', same)).toBe(0);
    const near = mutant(modelKernels.layernorm, [[' + params.eps', ' + 1.01 * params.eps']]);
    const worst = await model.replaceKernel('layernorm', near);
    expect(worst).toBeGreaterThan(0);
    expect(await model.replaceKernel('layernorm', modelKernels.layernorm)).toBe(worst);
  });

  test.each<[unknown[], RegExp]>([
    [['layerNorm', modelKernels.layernorm], /^kernel is "layerNorm", expected one of .*did you mean "layernorm"/],
    [['toString', modelKernels.layernorm], /^kernel is "toString", expected one of /],
    [['layernorm', undefined], /^layernorm is undefined, expected a kernel/],
    [['layernorm', modelKernels.layernorm.spec], /^layernorm is an object, expected a kernel/],
    [['layernorm', modelKernels.layernorm, { tolerence: 1 }], /did you mean "tolerance"/],
    [['layernorm', modelKernels.layernorm, { tolerance: Number.NaN }], /^tolerance is NaN, expected a number ≥ 0$/],
  ])('is not replaced by what is none: %o', async (args, message) => {
    await expect(Reflect.apply(model.replaceKernel, model, args)).rejects.toThrow(message);
  });

  test.each([
    ['prefill', 'constants::ROWS > 1'],
    ['decode', 'constants::ROWS == 1'],
  ])('is kept when the new one is wrong in %s alone', async (_, where) => {
    const ids = long.slice(0, 20);
    const before = await model.scoreTokens(ids);
    const wrong = mutant(modelKernels.attention, [[' * params.scale', ` * select(params.scale, 0.0, ${where})`]]);
    await expect(model.replaceKernel('attention', wrong)).rejects.toThrow(/^attention: logits differ by /);
    expect(await model.scoreTokens(ids)).toEqual(before);
  });
});
