// Helpers of research on the bundled GPT-2 and on a Llama: each gives what the float64 reference gives with the same intervention.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelKernels } from '../../src/models/kernels.ts';
import type { PointName } from '../../src/models/points.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { activationPatching } from '../../src/research/activation-patching.ts';
import { attentionPattern } from '../../src/research/attention-pattern.ts';
import { headAblation } from '../../src/research/head-ablation.ts';
import { type LoadedTextModel, loadTextModel } from '../../src/research/load-text-model.ts';
import { logitLens } from '../../src/research/logit-lens.ts';
import { nextTokens, topTokens } from '../../src/research/next-tokens.ts';
import { steeringVector } from '../../src/research/steering-vector.ts';
import { tokenScores } from '../../src/research/token-scores.ts';
import '../../src/testing/vitest.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { loadReferenceLlama } from '../support/models/reference-llama.ts';
import { loadReferenceModel } from '../support/models/reference-model.ts';

/** Change of a point's values in the reference. */
type Change = (values: Float64Array, shape: readonly number[]) => void;
type Changes = Readonly<Partial<Record<PointName, Change>>>;

/**
 * Bound of a logit: the longest chain of roundings goes through sums of C, D, T, H · D, C and F in each layer, and C in the head. Each
 * rounding is 2^-24 of a sum of magnitudes below 2 · (1 + max |logit|), and roundings that go both ways add up to the root of their
 * number: 8 times it is allowed.
 */
function tolerance(logits: Float64Array, { numLayers, hiddenSize: C, mlpSize: F }: LoadedTextModel['model']['config']) {
  const roundings = numLayers * (3 * C + 32 + 32 + F) + C;
  const greatest = logits.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0);
  return { abs: 8 * Math.sqrt(roundings) * 2 ** -24 * 2 * (1 + greatest) };
}

describe.each([
  { name: 'weights/tales', reference: () => loadReferenceModel('weights/tales') },
  {
    name: 'test/fixtures/models/llama-plain',
    reference: () => loadReferenceLlama('test/fixtures/models/llama-plain'),
  },
])('on $name', ({ name, reference }) => {
  const [clean, corrupted] = [
    [17, 201, 9, 77, 130, 4],
    [17, 201, 9, 250, 130, 4],
  ];
  const last = clean!.length - 1;
  let loaded: LoadedTextModel;
  let oracle: ReturnType<typeof reference>;
  beforeAll(async () => {
    loaded = await loadTextModel(name, { maxModelLen: 64, onNotice: () => {} });
    oracle = reference();
  });
  afterAll(() => loaded.close());

  /** Logits of the last token by the reference, with changes; and the values of a point after them. */
  function referenceRun(ids: readonly number[], changes: Changes = {}) {
    const points = new Map<string, Float64Array>();
    const { logits } = oracle.forward(ids, {
      logitsRows: [ids.length - 1],
      onPoint: (point, values, shape) => {
        changes[point as PointName]?.(values, shape);
        points.set(point, values.slice());
      },
    });
    return { logits, points };
  }

  /** Difference of two logits: its bound is that of both. */
  const metric = (logits: ArrayLike<number>) => logits[40]! - logits[41]!;
  const expectScore = (got: number, { logits }: { readonly logits: Float64Array }, label: string) =>
    expect([got]).toBeWithin([metric(logits)], { abs: 2 * tolerance(logits, loaded.model.config).abs }, { label });

  test('the logit lens has the logits of every layer as if it were the last', async () => {
    const { model } = loaded;
    const { numLayers } = model.config;
    const { points } = referenceRun(clean!);
    const end: PointName = `blocks.${numLayers - 1}.resid_post`;
    for (const position of [last, 2]) {
      const lens = await logitLens(model, clean!, { position });
      expect(lens.map(({ at }) => at)).toEqual([
        'embed',
        ...Array.from({ length: numLayers }, (_, l) => `blocks.${l}.resid_post`),
      ]);
      for (const { at, logits } of lens) {
        const ids = clean!.slice(0, position + 1);
        const { logits: want } = referenceRun(ids, {
          [end]: (values) => values.set(points.get(at)!.subarray(0, values.length)),
        });
        expect(logits).toBeWithin(want, tolerance(want, model.config), { label: `${at}, position ${position}` });
      }
      if (position === last) expect(lens.at(-1)!.logits).toEqual(await model.nextLogits(clean!));
    }
  });

  test('activation patching scores each layer and position as the reference patches it', async () => {
    const { model } = loaded;
    const layers = [0, model.config.numLayers - 1];
    const positions = [0, 3, 5];
    for (const at of ['resid_pre', 'z'] as const) {
      const told: [number, number][] = [];
      const onProgress = (done: number, total: number) => told.push([done, total]);
      const patched = await activationPatching(model, {
        clean: clean!,
        corrupted: corrupted!,
        metric,
        at,
        layers,
        positions,
        onProgress,
      });
      expect(told).toEqual([1, 2, 3, 4, 5, 6].map((done) => [done, 6]));
      const { points, ...cleanRun } = referenceRun(clean!);
      expectScore(patched.clean, cleanRun, 'clean');
      expectScore(patched.corrupted, referenceRun(corrupted!), 'corrupted');
      for (const [i, layer] of layers.entries()) {
        for (const [j, position] of positions.entries()) {
          const point: PointName = `blocks.${layer}.${at}`;
          const source = points.get(point)!;
          const change: Change = (values, [T = 1]) => {
            const width = values.length / T;
            values.set(source.subarray(position * width, (position + 1) * width), position * width);
          };
          expectScore(
            patched.scores[3 * i + j]!,
            referenceRun(corrupted!, { [point]: change }),
            `${point}, position ${position}`,
          );
        }
      }
      // Patching shows where the texts differ: all of the difference enters at the token that differs.
      if (at === 'resid_pre') expect(patched.scores[1]).toBeCloseTo(patched.clean, 4);
      expect(patched).toMatchObject({ layers, positions });
    }
  });

  test.each(['zero', 'mean'] as const)('ablation by %s scores each head as the reference without it', async (by) => {
    const { model } = loaded;
    const { numHeads, headDim } = model.config;
    const layers = [1];
    const texts = by === 'mean' ? [clean!, corrupted!.slice(2)] : undefined;
    const ablated = await headAblation(model, clean!, { metric, by, layers, texts });
    expectScore(ablated.baseline, referenceRun(clean!), 'baseline');
    expect([...ablated.scores]).toHaveLength(numHeads);
    const width = numHeads * headDim;
    const means = new Float64Array(width);
    const rows = (texts ?? []).flatMap((ids) => [...referenceRun(ids).points.get('blocks.1.z')!]);
    for (const [i, value] of rows.entries()) means[i % width]! += (value * width) / rows.length;
    for (let head = 0; head < numHeads; head++) {
      const change: Change = (values) => {
        for (const i of values.keys()) if (Math.floor((i % width) / headDim) === head) values[i] = means[i % width]!;
      };
      expectScore(ablated.scores[head]!, referenceRun(clean!, { 'blocks.1.z': change }), `head ${head}`);
    }
  });

  test.each(['last', 'mean'] as const)(
    'a steering vector by %s leads a pass and a generation as in the reference',
    async (tokens) => {
      const { model } = loaded;
      const at = 'blocks.0.resid_post';
      const { hiddenSize: C } = model.config;
      const [positive, negative] = [[clean!, clean!.slice(1, 4)], [corrupted!.slice(0, 4)]];
      const vector = await steeringVector(model, { at, positive, negative, tokens });
      const meanOf = (texts: readonly (readonly number[])[]) => {
        const sum = new Float64Array(C);
        for (const ids of texts) {
          const values = referenceRun(ids).points.get(at)!;
          const rows = tokens === 'last' ? values.subarray(-C) : values;
          for (const [i, value] of rows.entries()) sum[i % C]! += (value * C) / rows.length / texts.length;
        }
        return sum;
      };
      const from = meanOf(negative);
      const want = meanOf(positive).map((value, i) => value - from[i]!);
      expect(vector).toBeWithin(want, { abs: 2 * tolerance(want, model.config).abs }, { label: 'vector' });
      const change: Change = (values) => {
        for (const i of values.keys()) values[i]! += vector[i % C]!;
      };
      const { logits } = referenceRun(clean!, { [at]: change });
      const edit = [{ at, add: vector }] as const;
      expect(await model.nextLogits(clean!, { edit })).toBeWithin(logits, tolerance(logits, model.config), {
        label: 'logits',
      });
      expect(metric(logits)).not.toBeCloseTo(metric(referenceRun(clean!).logits), 3);
      const choose = (row: Float32Array) => row.indexOf(Math.max(...row));
      const ids = [...clean!];
      for (let i = 0; i < 4; i++) ids.push(choose(await model.nextLogits(ids, { edit })));
      expect(await model.generate(clean!, { maxTokens: 4, choose, edit })).toEqual(ids.slice(-4));
    },
  );

  test('attention patterns are the probabilities of the reference, of all heads or of one, after a cached text, too', async () => {
    const { model } = loaded;
    const { numHeads: H } = model.config;
    const T = clean!.length;
    const want = referenceRun(clean!).points.get('blocks.1.pattern')!;
    // A score errs by its sums' roundings, far below 1e-4; the probability by no more.
    const all = await attentionPattern(model, clean!, { layer: 1 });
    expect(all.shape).toEqual([H, T, T]);
    expect(all.values).toBeWithin(want, { abs: 1e-4 }, { label: 'pattern' });
    using cache = await model.prefill(clean!.slice(0, 2));
    const one = await attentionPattern(model, clean!.slice(2), { layer: 1, head: 1, cache });
    expect(one.shape).toEqual([T - 2, T]);
    expect(one.values).toEqual(all.values.slice(T * T + 2 * T, 2 * T * T));
  });

  test('the next tokens are the likeliest of the reference, with their probabilities and texts', async () => {
    const { model, tokenizer } = loaded;
    const { logits } = referenceRun(clean!);
    const logprobs = logSoftmax(logits);
    const table = await nextTokens(model, clean!, { count: 5, tokenizer });
    const { abs } = tolerance(logits, model.config);
    const greatest = [...logprobs].sort((a, b) => b - a);
    expect(table).toHaveLength(5);
    for (const [i, { id, prob, logprob, text }] of table.entries()) {
      expect([logprob]).toBeWithin([logprobs[id]!], { abs: 2 * abs }, { label: `logprob ${i}` });
      expect(Math.abs(logprob - greatest[i]!)).toBeLessThan(2 * abs);
      expect(prob).toBeCloseTo(Math.exp(logprob), 12);
      expect(text).toBe(tokenizer.missingFile === null ? tokenizer.decode([id], { skipSpecialTokens: false }) : '');
    }
    using cache = await model.prefill(clean!.slice(0, 3));
    expect(await nextTokens(model, clean!.slice(3), { count: 5, tokenizer, cache })).toEqual(table);
    expect(await nextTokens(model, clean!)).toHaveLength(10);
  });

  test('scores of tokens are those of the text', async () => {
    const { model, tokenizer } = loaded;
    const scores = await tokenScores(model, clean!, { tokenizer });
    expect(scores.map(({ position, id }) => [position, id])).toEqual(clean!.slice(1).map((id, i) => [i + 1, id]));
    expect(Float32Array.from(scores, ({ logprob }) => logprob)).toEqual(await model.scoreTokens(clean!));
    for (const { prob, logprob } of scores) expect(prob).toBe(Math.exp(logprob));
  });

  test('the next logits are the last row of a forward pass, bit by bit, with edits and after a cached text', async () => {
    const { model } = loaded;
    const { vocabSize: V } = model.config;
    const edit = [
      { at: 'blocks.0.z', head: 1, set: 0 },
      { at: 'logits', position: last, add: 1 },
    ] as const;
    using cache = await model.prefill(clean!.slice(0, 3));
    for (const options of [{}, { edit }, { edit, cache }]) {
      const ids = 'cache' in options ? clean!.slice(3) : clean!;
      using result = await model.forward(ids, options);
      expect(await model.nextLogits(ids, options)).toEqual((await result.logits.readF32()).subarray(-V));
    }
  });
});

describe.each(['software', 'gpu'] as const)('calls for next logits that are made at once, in class %s', (reduction) => {
  // Both classes compile for long, and share the host's part: npm test runs all of it in one, and a model in the other.
  const tags = reduction === 'gpu' ? ['slow'] : [];
  test('have the bits of each alone on plain, whatever is edited', { tags }, () => expectBitsOfEach('plain'));
  test('have the bits of each alone on qwen3, whatever is edited', () => expectBitsOfEach('qwen3'));

  async function expectBitsOfEach(name: string): Promise<void> {
    using loaded = await loadTextModel(`test/fixtures/models/${name}`, { reduction, onNotice: () => {} });
    const { model } = loaded;
    const { vocabSize: V } = model.config;
    const ids = Array.from({ length: 30 }, (_, t) => (t * 37 + 11) % 290);
    using cache = await model.prefill(ids);
    using source = await model.forward([...ids].reverse(), { taps: ['blocks.0.z'] });
    const begun = (position: number) => ({ cache: position === 0 ? undefined : cache.prefix(position) });
    const calls: [number[], Parameters<typeof model.nextLogits>[1]][] = [
      [
        ids.slice(7),
        { ...begun(7), edit: [{ at: 'blocks.0.z', head: 1, position: 9, set: source.taps.get('blocks.0.z')! }] },
      ],
      [ids.slice(29), { ...begun(29), edit: [{ at: 'blocks.0.v', set: 0.5 }] }],
      [
        ids.slice(3),
        {
          ...begun(3),
          edit: [
            { at: 'embed', position: [3, 20], add: 1 },
            { at: 'blocks.1.mlp_out', scale: 2 },
          ],
        },
      ],
      [ids, { edit: [{ at: 'blocks.1.pattern', head: 0, scale: 0.5 }] }],
      [[5], {}],
      [ids, { edit: [{ at: 'final_norm', position: 29, add: 1 }] }],
      [ids.slice(3), begun(3)],
      [
        ids.slice(7),
        {
          ...begun(7),
          edit: [
            { at: 'blocks.0.k', head: 0, scale: 3 },
            { at: 'blocks.0.resid_mid', add: 0.1 },
          ],
        },
      ],
      [ids.slice(0, 2), { edit: [{ at: 'blocks.0.z', run: (values) => void values.fill(1) }] }],
      [ids.slice(1), { ...begun(1), edit: [{ at: 'blocks.0.mlp_act', set: 0 }] }],
    ];
    const alone: Float32Array[] = [];
    for (const call of calls) alone.push(await model.nextLogits(...call));
    expect(await Promise.all(calls.map((call) => model.nextLogits(...call)))).toEqual(alone);
    expect(new Set(alone.map((logits) => logits.join())).size).toBe(calls.length);
    // Edits by values run side by side in forward, too.
    const edit = [{ at: 'blocks.0.z', head: 1, position: 1, set: 0 }] as const;
    const texts = [ids.slice(0, 20), ids.slice(4, 6), ids.slice(2)];
    const rows: Float32Array[] = [];
    for (using result of await model.forward(texts, { edit })) rows.push((await result.logits.readF32()).slice(-V));
    for (const [i, text] of texts.entries()) expect(rows[i]).toEqual(await model.nextLogits(text, { edit }));
  }

  test('keep their order with other calls, and one that fails fails alone', { tags }, async () => {
    using loaded = await loadTextModel('test/fixtures/models/plain', { reduction });
    const { model } = loaded;
    const [want, other] = [await model.nextLogits([1, 2]), await model.nextLogits([3])];
    const near = mutant(modelKernels.matmul, [['[j] + bias_of_n', '[j] * 1.000001 + bias_of_n']]);
    const closed = await model.prefill([1]);
    const calls = [
      model.nextLogits([1, 2]),
      model.nextLogits([2], { cache: closed }),
      model.nextLogits([3]),
      model.replaceKernel('matmul', near),
      model.nextLogits([3]),
    ];
    closed.close();
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    const values = settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason));
    expect(values[0]).toEqual(want);
    expect(values[1]).toMatchObject({ message: expect.stringContaining('expected one that is not closed') });
    expect(values[2]).toEqual(other);
    expect(values[4]).not.toEqual(other);
  });
});

test('a table of tokens is sorted by logits, then by ids, and has the whole vocabulary at most', () => {
  const logits = Float32Array.of(1, 3, Number.NEGATIVE_INFINITY, 3, 2);
  const table = topTokens(logits);
  expect(table.map(({ id }) => id)).toEqual([1, 3, 4, 0, 2]);
  expect(table.reduce((sum, { prob }) => sum + prob, 0)).toBeCloseTo(1, 12);
  expect(table.at(-1)).toEqual({ id: 2, text: '', prob: 0, logprob: Number.NEGATIVE_INFINITY });
  expect(topTokens(logits, { count: 2 }).map(({ id }) => id)).toEqual([1, 3]);
});
