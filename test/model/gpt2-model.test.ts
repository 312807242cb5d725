import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type LoadedGPT2, loadGPT2 } from '../../src/load-gpt2.ts';
import { gpt2Kernels } from '../../src/model/gpt2-kernels.ts';
import type { GPT2Model } from '../../src/model/gpt2-model.ts';
import { perplexity } from '../../src/model/perplexity.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { expectClose } from '../support/approx.ts';
import { mutant } from '../support/mutant.ts';
import { readSafetensors } from '../support/read-safetensors.ts';
import { loadReferenceModel } from '../support/reference-model.ts';

const golden = readSafetensors('test/fixtures/tales/golden.safetensors');
const long = Array.from(golden.get('long.ids')!);
/** As for the goldens: 2e-4 · (1 + max |logit|) with logits below 20. */
const TOLERANCE = { abs: 2e-4 * 21 };

let loaded: LoadedGPT2;
let model: GPT2Model;
beforeAll(async () => {
  loaded = await loadGPT2();
  ({ model } = loaded);
});
afterAll(() => loaded.close());

describe('forward', () => {
  const ids = long.slice(0, 100);

  test('has the logits of the float64 reference at every position', async () => {
    const { logits } = await model.forward(ids);
    using owned = logits;
    expectClose(await owned.readF32(), loadReferenceModel('weights/tales').forward(ids).logits, TOLERANCE, 'logits');
  });

  test('gives what modules put out: layers add what their modules do, and the reference has the same', async () => {
    const wanted = ['ln_f', 'h.1', 'h.2.ln_1', 'h.2.attn.c_attn', 'h.2.attn', 'h.2.mlp.act', 'h.2.mlp', 'h.2'];
    const { logits, taps } = await model.forward(ids, { taps: wanted });
    logits.close();
    expect([...taps.keys()].sort()).toEqual(wanted.toSorted());
    const values = new Map<string, Float32Array>();
    for (const [name, tensor] of taps) {
      values.set(name, await tensor.readF32());
      tensor.close();
    }
    const { hidden } = loadReferenceModel('weights/tales').forward(ids);
    expectClose(values.get('h.1')!, hidden[2]!, { abs: 1e-3, rel: 1e-4 }, 'h.1');
    expectClose(values.get('h.2')!, hidden[3]!, { abs: 1e-3, rel: 1e-4 }, 'h.2');
    expectClose(values.get('ln_f')!, hidden[6]!, { abs: 1e-3, rel: 1e-4 }, 'ln_f');
    const sum = values.get('h.1')!.map((x, i) => x + values.get('h.2.attn')![i]! + values.get('h.2.mlp')![i]!);
    // Two additions rounded in another order.
    expectClose(values.get('h.2')!, sum, { abs: 1e-5, rel: 1e-5 }, 'the sum');
    expect(values.get('h.2.attn.c_attn')!.length).toBe(100 * 3 * model.config.hiddenSize);
    expect(values.get('h.2.mlp.act')!.length).toBe(100 * model.config.mlpSize);
  });

  test('refuses an unknown module and ids that the model has not, and leaves nothing behind', async () => {
    const before = loaded.device.liveBuffers;
    await expect(model.forward(ids, { taps: ['h.0', 'h.6.attn'] })).rejects.toThrow(
      /^tap is "h.6.attn", expected one of h.0.ln_1, /,
    );
    await expect(model.forward([5, 8192])).rejects.toThrow('id 1 is 8192, expected an integer in [0, 8192)');
    await expect(model.forward([])).rejects.toThrow('number of ids is 0, expected an integer in [1, 1024]');
    expect(loaded.device.liveBuffers).toBe(before);
  });

  test('leaves nothing behind, taps included, when a kernel fails to run', async () => {
    const before = loaded.device.liveBuffers;
    const refusing = vi.spyOn(loaded.device, 'checked').mockRejectedValueOnce(new Error('refused'));
    await expect(model.forward(ids, { taps: ['h.0', 'ln_f'] })).rejects.toThrow('refused');
    refusing.mockRestore();
    expect(loaded.device.liveBuffers).toBe(before);
  });
});

test('calls that are made side by side give what each gives alone', async () => {
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
    expectClose(await model.scoreTokens(long), golden.get('long.logprobs')!, { abs: 2 * TOLERANCE.abs }, 'logprobs');
  });

  test('gives the same bits alone and beside other texts, in the order of the texts', async () => {
    const texts = [long.slice(0, 300), long.slice(50, 52), long.slice(100, 170), long.slice(9, 11)];
    const together = await model.scoreTexts(texts);
    for (const [i, text] of texts.entries()) expect(together[i], `text ${i}`).toEqual(await model.scoreTokens(text));
  });

  test('refuses a single id', async () => {
    await expect(model.scoreTokens([3])).rejects.toThrow('ids to score is 1, expected at least 2');
  });
});

describe('perplexity', () => {
  const text = readFileSync('test/fixtures/tales-heldout-part.txt', 'utf8');

  test('of a held-out text equals that of the float64 reference, without and with overlap', async () => {
    const ids = loaded.tokenizer.encode(text).slice(0, 150);
    const reference = loadReferenceModel('weights/tales');
    for (const [window, stride] of [
      [64, 64],
      [70, 33],
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
    await expect(model.generate([1], { maxTokens: 2, choose: () => -1 })).rejects.toThrow('id 0 is -1');
  });
});

describe('a kernel of the model', () => {
  test('is replaced by one that computes the same, with the worst difference', async () => {
    const same = mutant(gpt2Kernels.layernorm, [['let mean =', 'let  mean =']]);
    expect(await model.replaceKernel('layernorm', same)).toBe(0);
    const near = mutant(gpt2Kernels.matmul, [
      ['= acc[t * ROWS + r][j] + bias_of_n', '= acc[t * ROWS + r][j] * 1.000001 + bias_of_n'],
    ]);
    const worst = await model.replaceKernel('matmul', near);
    expect(worst).toBeGreaterThan(0);
    expect(await model.replaceKernel('matmul', gpt2Kernels.matmul)).toBe(worst);
  });

  test.each([
    ['prefill', 'constants::ROWS > 1'],
    ['decode', 'constants::ROWS == 1'],
  ])('is kept when the new one is wrong in %s alone', async (_, where) => {
    const ids = long.slice(0, 20);
    const before = await model.scoreTokens(ids);
    const wrong = mutant(gpt2Kernels.attention, [
      ['s[r * KEYS_PER_LANE + n] * params.scale', `s[r * KEYS_PER_LANE + n] * select(params.scale, 0.0, ${where})`],
    ]);
    await expect(model.replaceKernel('attention', wrong)).rejects.toThrow(/^attention: logits differ by /);
    expect(await model.scoreTokens(ids)).toEqual(before);
  });
});
