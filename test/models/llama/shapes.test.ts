// Shapes and windows of the Llama family that no fixture has, in small random models against the float64 reference: prompts in one
// piece, and tokens decoded after them.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../../src/gpu/reduction.ts';
import { vocabularyRanges } from '../../../src/kernels/weights/vocabulary-ranges.ts';
import { modelTensors } from '../../../src/models/architecture.ts';
import { parseLlamaConfig } from '../../../src/models/llama/config.ts';
import { parseModel } from '../../../src/models/registry.ts';
import type { WeightSource } from '../../../src/models/weight-source.ts';
import { ReferenceLlama } from '../../../src/reference/llama.ts';
import { ModelRunner, type ModelRunnerOptions } from '../../../src/runtime/model-runner.ts';
import { resolveSizes } from '../../../src/runtime/runtime-sizes.ts';
import { numElements } from '../../../src/util/math.ts';
import '../../../src/testing/vitest.ts';
import { kernelsOfTwoWindows } from '../../support/kernels/window-mutants.ts';
import { tolerance } from '../../support/models/golden.ts';
import { logitsOfAll, places, step, TestSequence } from '../../support/models/model-session.ts';
import { referenceConfig } from '../../support/models/reference-llama.ts';
import { WideCheckpoint } from '../../support/models/wide-checkpoint.ts';

type Keys = Readonly<Record<string, unknown>>;

const sizes = {
  model_type: 'llama',
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_size: 32,
  intermediate_size: 72,
  vocab_size: 61,
  max_position_embeddings: 300,
  tie_word_embeddings: true,
};

/** A random model, and tokens of a prompt. */
interface Case {
  readonly title: string;
  /** Keys of its config.json. */
  readonly keys: Keys;
  /** What they mean. */
  readonly config: Keys;
  readonly numTokens: number;
  /** Classes that npm test leaves to the slow tier: their shaders compile for long, or another case has such heads. */
  readonly slowIn?: readonly ReductionClass[];
}

const WINDOW_OF_9: Keys = {
  model_type: 'mistral',
  num_attention_heads: 14,
  head_dim: 6,
  hidden_size: 31,
  intermediate_size: 33,
  sliding_window: 9,
};

const CASES: readonly Case[] = [
  {
    title: 'heads of 256',
    keys: { head_dim: 256 },
    config: { headDim: 256, numKVHeads: 2 },
    numTokens: 70,
    slowIn: REDUCTION_CLASSES,
  },
  {
    title: 'heads of 256 with norms, in a window',
    keys: {
      model_type: 'qwen3',
      head_dim: 256,
      num_key_value_heads: 1,
      use_sliding_window: true,
      sliding_window: 33,
      max_window_layers: 0,
    },
    config: { headDim: 256, numKVHeads: 1, qkNorm: true, window: 33 },
    numTokens: 70,
    slowIn: ['gpu'],
  },
  {
    title: 'a window by use_sliding_window',
    keys: { model_type: 'qwen2', use_sliding_window: true, sliding_window: 24, max_window_layers: 0 },
    config: { window: 24, attentionBias: { qkv: true, output: false } },
    numTokens: 100,
    slowIn: ['gpu'],
  },
  {
    title: 'a window by layer_types, of one split and a key',
    keys: {
      model_type: 'qwen3',
      head_dim: 16,
      use_sliding_window: true,
      sliding_window: 257,
      layer_types: Array(2).fill('sliding_attention'),
    },
    config: { window: 257, qkNorm: true },
    numTokens: 290,
  },
  {
    title: 'seven heads over one, and odd sizes',
    keys: {
      num_attention_heads: 7,
      num_key_value_heads: 1,
      head_dim: 26,
      hidden_size: 45,
      intermediate_size: 37,
      tie_word_embeddings: false,
    },
    config: { numHeads: 7, numKVHeads: 1, headDim: 26, hiddenSize: 45, tieWordEmbeddings: false },
    numTokens: 70,
    slowIn: ['gpu'],
  },
  {
    title: 'fourteen heads over two in a window, and odd sizes',
    keys: WINDOW_OF_9,
    config: { numHeads: 14, numKVHeads: 2, headDim: 6, window: 9 },
    numTokens: 70,
    slowIn: ['gpu'],
  },
];

/** Reads all weights of a model in float64. */
async function weightsOf(source: WeightSource, names: Iterable<{ readonly name: string }>) {
  const weights = new Map<string, Float64Array>();
  for (const { name } of names) {
    const shape = source.shape(name);
    const values = new Float32Array(numElements(shape));
    await source.readRows(name, 0, shape[0]!, values);
    weights.set(name, Float64Array.from(values));
  }
  return weights;
}

/** A model with random weights on a device, and its reference. */
async function open(device: Device, keys: Keys, numTokens: number, kernels?: ModelRunnerOptions['kernels']) {
  const json = { ...sizes, ...keys };
  const model = parseModel(json, 'test');
  const source = new WideCheckpoint(model, 5);
  const weights = await weightsOf(source, modelTensors(model, source.tiedHead));
  const reference = new ReferenceLlama(referenceConfig(parseLlamaConfig(json, 'test')), (name) => weights.get(name));
  const options = { dtype: 'f32', maxBatchSize: 1, maxLogitsRows: numTokens } as const;
  const resolved = resolveSizes(model.config, options, 'f32', device);
  const runner = await ModelRunner.create(device, model, source, resolved, { kernels, returnLogits: true });
  return { reference, runner };
}

/** Compares the logits of a prompt, and of tokens decoded after it. */
async function expectLogits(runner: ModelRunner, reference: ReferenceLlama, numTokens: number): Promise<void> {
  const { vocabSize: V } = runner.limits;
  const ids = Array.from({ length: numTokens }, (_, t) => (t * t * 23 + 5) % V);
  const want = reference.forward(ids).logits;
  expect(await logitsOfAll(runner, ids)).toBeWithin(want, tolerance(want), { label: 'logits of the prompt' });
  const sequence = new TestSequence(ids, places(runner, 1, numTokens + 8)[0]!);
  while (sequence.ids.length < 6) await step(runner, [sequence]);
  const all = [...ids, ...sequence.ids.slice(0, -1)];
  const rows = sequence.ids.map((_, n) => numTokens - 1 + n);
  const decoded = reference.forward(all, { logitsRows: rows }).logits;
  expect(sequence.logits.flatMap((logits) => [...logits])).toBeWithin(decoded, tolerance(decoded), {
    label: 'logits of decoded tokens',
  });
}

describe.each(REDUCTION_CLASSES)('in class %s', (reduction) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(() => device.close());

  const slowInGPU = { tags: reduction === 'gpu' ? ['slow'] : [] };

  for (const { title, keys, config, numTokens, slowIn = [] } of CASES) {
    const tags = slowIn.includes(reduction) ? ['slow'] : [];
    test(`the logits are those of the float64 reference: ${title}`, { tags }, async () => {
      const { reference, runner } = await open(device, keys, numTokens);
      await using _closed = runner;
      expect(parseLlamaConfig({ ...sizes, ...keys }, 'test')).toMatchObject(config);
      await expectLogits(runner, reference, numTokens);
    });
  }

  // Where the model of this window runs.
  test('a window of one key more shows in a difference', slowInGPU, async () => {
    const { reference, runner } = await open(device, WINDOW_OF_9, 70, kernelsOfTwoWindows);
    await using _closed = runner;
    await expect(expectLogits(runner, reference, 70)).rejects.toThrow('logits of the prompt: element');
  });

  test('a vocabulary in three ranges of the LM head has the logits of the float64 reference', slowInGPU, async () => {
    const keys = { hidden_size: 64, vocab_size: 2500 };
    const maxBytes = 2 ** 18;
    const { limits } = device.gpu;
    const get = (of: GPUSupportedLimits, key: string | symbol) =>
      key === 'maxStorageBufferBindingSize' ? maxBytes : Reflect.get(of, key, of);
    vi.spyOn(device.gpu, 'limits', 'get').mockReturnValue(new Proxy(limits, { get }));
    const most = device.gpu.limits.maxStorageBufferBindingSize;
    const ranges = vocabularyRanges(keys.vocab_size, keys.hidden_size, 'f32', most);
    expect(ranges.map(({ size }) => size)).toEqual([1024, 1024, 452]);
    const { reference, runner } = await open(device, keys, 10);
    await using _closed = runner;
    await expectLogits(runner, reference, 10);
  });
});
