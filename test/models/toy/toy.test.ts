// The toy through everything that runs a model: each takes its tables and layers as they are, and knows no architecture.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../../src/engine/engine.ts';
import { CheckpointError } from '../../../src/formats/checkpoint-error.ts';
import { Device } from '../../../src/gpu/device.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { modelTensors } from '../../../src/models/architecture.ts';
import { openCheckpoint } from '../../../src/models/checkpoint.ts';
import { modelKernels } from '../../../src/models/kernels.ts';
import type { PointName } from '../../../src/models/points.ts';
import { RandomCheckpoint } from '../../../src/models/random-checkpoint.ts';
import { parseModel, randomModel, readModel } from '../../../src/models/registry.ts';
import { openSource } from '../../../src/models/resolve-model.ts';
import { argmax, logSoftmax } from '../../../src/reference/operators.ts';
import { TextModel } from '../../../src/research/text-model.ts';
import { listDispatches } from '../../../src/runtime/list-dispatches.ts';
import { planMemory } from '../../../src/runtime/memory-plan.ts';
import { metaParts } from '../../../src/runtime/meta-parts.ts';
import { ModelRunner } from '../../../src/runtime/model-runner.ts';
import { modelWork } from '../../../src/runtime/model-work.ts';
import { type RunnerOptions, resolveSizes } from '../../../src/runtime/runtime-sizes.ts';
import { stepShapes } from '../../../src/runtime/step-shape.ts';
import { listTunables } from '../../../src/tuning/tunables.ts';
import { Tuning } from '../../../src/tuning/tuning.ts';
import '../../../src/testing/vitest.ts';
import { errorOf } from '../../support/error-of.ts';
import { storedWeight } from '../../support/kernels/stored-weight.ts';
import { logitsOfAll, openRunner, places, step, TestSequence } from '../../support/models/model-session.ts';
import { type ToyTensor, toyDirectory, toyReference, toyTensors } from '../../support/models/toy-model.ts';
import { toy } from './toy.ts';

/** Heads together wider than the residual stream; biases that there are none of are wider than the vocabulary. */
const sizes = { depth: 2, heads: 2, head_width: 16, width: 24, vocabulary: 61, places: 48 };
/** Heads that leave room in the rows of the cache, rows of x that are no whole vec4. */
const odd = { ...sizes, heads: 3, head_width: 5, width: 21 };
const tensors = toyTensors(sizes);
const ids = Array.from({ length: 37 }, (_, t) => (t * 23 + 5) % sizes.vocabulary);

/**
 * Derives the tolerance of logits. Each rounding is 2^-24 of a sum of magnitudes. From embedding to logit the chain of sums is
 * at most 500 long: 24 + 24 + 16 + 37 + 32 + 72 in each of two layers, and 48 at the end. The magnitudes that are summed are
 * below 8 · (1 + max |logit|).
 */
function tolerance(logits: Float64Array) {
  return { abs: 500 * 2 ** -24 * 8 * (1 + logits.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0)) };
}

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

function openToy(options: Parameters<typeof openRunner>[2] = {}): Promise<ModelRunner> {
  return openRunner(device, toyDirectory(sizes, tensors), { blockSize: 4, ...options }, [toy]);
}

async function valuesOf(tensor: Tensor): Promise<Float32Array> {
  using owned = tensor;
  return await owned.readF32();
}

/** Generates six tokens after a prompt, in steps that have others beside it and at most `chunk` tokens of each. */
async function generate(runner: ModelRunner, beside: readonly TestSequence[], chunk?: number) {
  const place = places(runner, beside.length + 1, sizes.places)[beside.length]!;
  const sequence = new TestSequence(ids.slice(0, 20), place);
  while (sequence.ids.length < 6) await step(runner, [...beside, sequence], chunk);
  return sequence;
}

describe('a runner of the toy', () => {
  test.each([
    ['heads that fill the rows of the cache', sizes],
    ['heads that do not', odd],
  ])('has the logits of the float64 reference at every position: %s', async (_, of) => {
    const weights = toyTensors(of);
    const options = { maxBatchSize: 1, maxLogitsRows: ids.length };
    await using runner = await openRunner(device, toyDirectory(of, weights), options, [toy]);
    const { logits } = toyReference(of, weights, ids);
    expect(await logitsOfAll(runner, ids)).toBeWithin(logits, tolerance(logits), { label: 'logits' });
  });

  test('decodes the ids that the reference finds most likely', async () => {
    await using runner = await openToy({ maxBatchSize: 1 });
    const { promptIds, ids: generated, logits } = await generate(runner, []);
    const all = [...promptIds, ...generated];
    for (const [n, got] of logits.entries()) {
      const { logits: want } = toyReference(sizes, tensors, all.slice(0, promptIds.length + n));
      const last = want.subarray(-sizes.vocabulary);
      expect(got).toBeWithin(last, tolerance(last), { label: `logits of token ${n}` });
      expect(generated[n]).toBe(argmax(last));
    }
  });

  test('has the same bits for a text alone, in chunks, and in a batch', async () => {
    await using runner = await openToy({ maxBatchSize: 3 });
    const alone = await generate(runner, []);
    const chunked = await generate(runner, [], 7);
    const others = places(runner, 3, sizes.places).map((place, i) => new TestSequence(ids.slice(i, 9 + 4 * i), place));
    const batched = await generate(runner, others.slice(0, 2));
    expect(chunked.logits).toEqual(alone.logits);
    expect(batched.logits).toEqual(alone.logits);
    expect(batched.ids).toEqual(alone.ids);
  });

  for (const dtype of ['f16', 'q8'] as const) {
    const tags = dtype === 'q8' ? ['slow'] : [];
    test(`with weights in ${dtype} has the logits of the reference whose matrices are stored so`, {
      tags,
    }, async () => {
      await using runner = await openToy({ dtype, maxBatchSize: 1, maxLogitsRows: ids.length });
      const isStored = (name: string) => !/places|gain/.test(name);
      const stored = [...tensors].map(([name, { shape, data }]): [string, ToyTensor] => {
        const [rows = 0, columns = 0] = shape;
        // Along a row of [out, in] lie the inputs of one output.
        const change = () => storedWeight(dtype, data, { rows, columns, along: 'rows' });
        return [name, { shape, data: isStored(name) ? change() : data }];
      });
      const { logits } = toyReference(sizes, new Map(stored), ids);
      expect(await logitsOfAll(runner, ids)).toBeWithin(logits, tolerance(logits), { label: `logits in ${dtype}` });
    });
  }
});

describe('a checkpoint of the toy', () => {
  const refusal = async (change: (weights: Map<string, ToyTensor>) => void) => {
    const weights = toyTensors(sizes);
    change(weights);
    const dir = toyDirectory(sizes, weights);
    const error = await errorOf(async () => openCheckpoint(dir, await readModel(dir, [toy])));
    if (!(error instanceof CheckpointError)) throw error;
    return error.message.replace(dir, 'DIR');
  };

  test('is read by the names of its files', async () => {
    const dir = toyDirectory(sizes, tensors);
    const model = await readModel(dir, [toy]);
    await using checkpoint = await openCheckpoint(dir, model);
    const names = [...modelTensors(model)].map(({ name }) => name);
    expect(names.map((name) => `toy.${name}`).sort()).toEqual([...tensors.keys()].sort());
    for (const name of names) {
      const { shape, data } = tensors.get(`toy.${name}`)!;
      const out = new Float32Array(data.length);
      await checkpoint.readRows(name, 0, shape[0]!, out);
      expect([name, out]).toEqual([name, data]);
    }
  });

  test.each([
    [
      'a missing part of a fused matrix',
      (weights) => weights.delete('toy.blocks.1.look.key'),
      'DIR: tensor "blocks.1.look.key": weight is missing, expected one of shape [32, 24]',
    ],
    [
      'a part of another shape',
      (weights) => weights.set('toy.blocks.0.look.value', { shape: [24, 32], data: new Float32Array(768) }),
      'DIR/model.safetensors: tensor "toy.blocks.0.look.value": shape is [24, 32], expected [32, 24] by the config',
    ],
    [
      'a layer too many',
      (weights) => weights.set('toy.blocks.2.first.gain', { shape: [1], data: new Float32Array(1) }),
      'DIR/model.safetensors: tensor "toy.blocks.2.first.gain": name is unknown, expected a tensor of a Toy with 2 layers',
    ],
    [
      'a bias',
      (weights) => weights.set('blocks.0.look.down.bias', { shape: [1], data: new Float32Array(1) }),
      'DIR/model.safetensors: tensor "blocks.0.look.down.bias": name is unknown, expected a tensor of a Toy with 2 layers',
    ],
    [
      'no head',
      (weights) => weights.delete('toy.answers.table'),
      'DIR: tensor "answers.table": weight is missing, expected one of shape [61, 24], as tie_word_embeddings is false',
    ],
  ] satisfies readonly (readonly [string, (weights: Map<string, ToyTensor>) => unknown, string])[])(
    'is refused by the names of the toy: %s',
    async (_, change, message) => {
      expect(await refusal(change)).toBe(message);
    },
  );
});

test('a toy has random weights by the roles of its tensors', async () => {
  const { model, tokenizer } = randomModel('toy', [toy]);
  expect(tokenizer).toBe('weights/tales');
  expect(() => randomModel('gpt2', [toy])).toThrow('random model is "gpt2", expected one of toy');
  await using source = new RandomCheckpoint(model, 1);
  expect(source.tiedHead).toBe(false);
  const deviation = async (name: string) => {
    const [rows = 0, columns = 1] = source.shape(name);
    const values = new Float32Array(rows * columns);
    await source.readRows(name, 0, rows, values);
    return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  };
  // Five standard errors, 1/√(2n) each, are 13 % for the n of 768 elements.
  const spread = { least: 0.87, most: 1.13 };
  const stds = { 'blocks.0.look.query': 0.02, 'blocks.1.look.down.matrix': 0.01, 'answers.table': 0.02 };
  for (const [name, std] of Object.entries(stds)) {
    expect((await deviation(name)) / std, name).toBeGreaterThan(spread.least);
    expect((await deviation(name)) / std, name).toBeLessThan(spread.most);
  }
  expect(await deviation('last.gain')).toBe(1);
});

/** Defines a toy without weights, and resolves the sizes of a runner of it. */
function sized(options: RunnerOptions) {
  const model = parseModel({ model_type: 'toy', ...sizes }, 'toy', [toy]);
  const maxBindingBytes = device.gpu.limits.maxStorageBufferBindingSize;
  return { model, resolved: resolveSizes(model.config, options, 'f32', device), maxBindingBytes };
}

test.each([
  ['f32', 'f32'],
  ['q8', 'f16'],
] as const)('the memory plan of a toy in %s with keys in %s is what is alive on the device', async (dtype, kvDtype) => {
  const { model, resolved } = sized({ dtype, kvDtype, maxBatchSize: 3, numBlocks: 20 });
  expect(device.liveBytes).toBe(0);
  await using runner = await ModelRunner.create(device, model, new RandomCheckpoint(model, 0), resolved);
  expect(device.liveBytes).toBe(planMemory(model, resolved).total);
  expect(runner.limits.vocabSize).toBe(sizes.vocabulary);
});

test('the listing has the dispatches of a toy by their places, with its sizes', () => {
  const { model, resolved, maxBindingBytes } = sized({});
  const tuning = new Tuning(device.traits);
  const parts = metaParts({ model, sizes: resolved, maxBindingBytes, tuning });
  const shapes = stepShapes({ ...resolved, maxBatchTokens: 1 });
  const listed = listDispatches(device.traits, parts, shapes);
  const matmuls = listed.filter(({ kernel, dims }) => kernel.name.startsWith('matmul') && dims.M === 1);
  expect(matmuls.map(({ use, dims, variant }) => [use, dims.K, dims.N, variant.conditions.RELU])).toEqual([
    ['qkv', 24, 96, false],
    ['widening', 24, 72, true],
    ['mixing', 32, 24, false],
    ['narrowing', 72, 24, false],
    ['LM head', 24, 61, false],
  ]);
  const attention = listed.filter(({ kernel }) => kernel.name === 'attention');
  expect(new Set(attention.map(({ dims, scalars }) => `${dims.G} ${dims.D} ${scalars.scale}`))).toEqual(
    new Set(['2 16 0.0625']),
  );
});

test('the tuner measures a toy at the sizes of its matmuls, apart by what the kernels fix', () => {
  const { model, resolved } = sized({ dtype: 'q8', maxBatchTokens: 9 });
  const tunables = listTunables(device, modelWork(device, model, resolved, modelKernels));
  const shapes = tunables.flatMap(({ kernel, sizes: each }) =>
    each.filter(({ M }) => M === 1 || M === 16).map(({ M, K, N }) => `${kernel.name} ${M} × ${K} · ${K} × ${N}`),
  );
  expect(shapes.sort()).toEqual(
    ['matmul 1', 'matmul 16']
      .flatMap((rows) => [`${rows} × 24 · 24 × 72`, `${rows} × 32 · 32 × 24`, `${rows} × 72 · 72 × 24`])
      .concat(['matmul 1 × 24 · 24 × 61', 'matmul_kv_write 1 × 24 · 24 × 96', 'matmul_kv_write 16 × 24 · 24 × 96'])
      .sort(),
  );
  const rest = tunables.filter(({ kernel }) => !kernel.name.startsWith('matmul'));
  expect(rest.map(({ kernel, sizes: each }) => [kernel.name, ...each])).toEqual([
    ['attention', ...[1, 8].map((tileTokens) => ({ G: 2, SHARE: 1, tileTokens }))],
    ['sample', { V: 61 }],
  ]);
});

describe('the research model of a toy', () => {
  async function openText(): Promise<TextModel> {
    const dir = toyDirectory(sizes, tensors);
    const model = await readModel(dir, [toy]);
    await using source = await openCheckpoint(dir, model);
    return await TextModel.open(device, model, source);
  }

  test('has the logits of the reference, and the values of its points', async () => {
    using text = await openText();
    const wanted: PointName[] = ['blocks.0.resid_post', 'blocks.1.attn_out', 'blocks.1.resid_post', 'blocks.1.mlp_act'];
    const { logits, taps } = await text.forward(ids, { taps: wanted });
    const values = new Map(
      await Promise.all([...taps].map(async ([name, tensor]) => [name, await valuesOf(tensor)] as const)),
    );
    const want = toyReference(sizes, tensors, ids);
    const allowed = tolerance(want.logits);
    expect(await valuesOf(logits)).toBeWithin(want.logits, allowed, { label: 'logits' });
    expect(values.get('blocks.0.resid_post')!).toBeWithin(want.hidden[0]!, allowed, { label: 'blocks.0' });
    expect(values.get('blocks.1.attn_out')!).toBeWithin(want.looked[1]!, allowed, { label: 'attention of block 1' });
    expect(values.get('blocks.1.resid_post')!).toBeWithin(want.hidden[1]!, allowed, { label: 'blocks.1' });
    expect(values.get('blocks.1.mlp_act')).toHaveLength(ids.length * 3 * sizes.width);
    await expect(text.forward(ids, { taps: ['blocks.1.mlp_in'] })).rejects.toThrow(
      /^taps\[0\] is "blocks.1.mlp_in", expected a point that a block of Toy has: attn_in, q, /,
    );
  });

  test('scores texts by the reference', async () => {
    using text = await openText();
    const texts = [ids, ids.slice(4, 6)];
    const scores = await text.scoreTexts(texts);
    for (const [i, scored] of texts.entries()) {
      const { logits } = toyReference(sizes, tensors, scored);
      const V = sizes.vocabulary;
      const want = scored.slice(1).map((id, t) => logSoftmax(logits.slice(t * V, (t + 1) * V))[id]!);
      // A logprob is a logit minus a log-sum of logits: twice a logit's tolerance.
      expect(scores[i]!).toBeWithin(want, { abs: 2 * tolerance(logits).abs }, { label: `text ${i}` });
    }
  });
});

test('an engine generates the ids of a toy that its runner gives alone, up to the end that its configuration names', async () => {
  await using alone = await openToy({ maxBatchSize: 2 });
  const { ids: greedy, promptIds } = await generate(alone, []);
  const last = greedy[4]!;
  const dir = toyDirectory(sizes, tensors, { end: [last, 1e6] });
  const { model, source, tokenizer, eosIds, notices } = await openSource(dir, 0, [toy]);
  await using weights = source;
  expect(notices).toEqual([`${dir}: eos [1000000] is beyond the 61 tokens of the model and never generated`]);
  const { resolved } = sized({ maxBatchSize: 2 });
  await using runner = await ModelRunner.create(device, model, weights, resolved, { eosIds });
  await using engine = new Engine({ runner, tokenizer });
  const request = { promptIds, sampling: { temperature: 0, maxTokens: 6 } };
  const [ended, other] = await engine.generateBatch([request, { ...request, promptIds: ids.slice(3, 9) }]);
  expect(ended).toMatchObject({ finishReason: 'stop', ids: greedy.slice(0, greedy.indexOf(last) + 1) });
  expect(other?.error).toBe(null);
});

test('a random toy has the tokenizer of its architecture', async () => {
  const { tokenizer, eosIds, source, model } = await openSource('random:toy', 3, [toy]);
  await using _ = source;
  expect([model.architecture, tokenizer.vocabSize, eosIds]).toEqual(['Toy', model.config.vocabSize, [8191]]);
});
