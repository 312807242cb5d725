// Read by `tsc`, not run: each expected error must be one, and nothing else may be.
import { expectTypeOf, test } from 'vitest';
import {
  activationPatching,
  attentionPattern,
  type CachedText,
  type ForwardResult,
  headAblation,
  type LensLogits,
  loadTextModel,
  logitLens,
  nextTokens,
  type PatchingScores,
  perplexity,
  steeringVector,
  type Tensor,
  type TextModel,
  type TokenProb,
  tokenScores,
  topTokens,
} from '../../src/research/index.ts';

declare const model: TextModel;
declare const cache: CachedText;
declare const t: Tensor;
const ids: readonly number[] = [1, 2];
const metric = (logits: Float32Array) => logits[0] ?? 0;

test('a text has a result, and texts have a list of them', () => {
  void (async () => {
    expectTypeOf(await model.forward(ids)).toEqualTypeOf<ForwardResult>();
    expectTypeOf(await model.forward([ids, [3]], { cache })).toEqualTypeOf<ForwardResult[]>();
    using result = await model.forward(ids, { taps: ['embed', 'blocks.3.z'] });
    expectTypeOf(result.taps.get('blocks.3.z')).toEqualTypeOf<Tensor | undefined>();
    using kept = await model.prefill(ids, { cache: cache.prefix(1) });
    expectTypeOf(kept).toEqualTypeOf<CachedText>();
    expectTypeOf(await model.nextLogits(ids, { cache })).toEqualTypeOf<Float32Array>();
    return [
      // @ts-expect-error: a text is ids
      model.forward('a king'),
      // @ts-expect-error: no point
      model.forward(ids, { taps: ['blocks.3.y'] }),
      // @ts-expect-error: ids are no cached text
      model.forward(ids, { cache: ids }),
      // @ts-expect-error: taps are of forward
      model.nextLogits(ids, { taps: ['embed'] }),
      // @ts-expect-error: numbers in an array
      model.unembed([1, 2]),
      model.unembed(t, { norm: false }),
    ];
  });
});

test('weights are read and replaced by name', () => {
  void (async () => {
    const { name, shape, dtype, read } = model.weights.get('wte.weight');
    expectTypeOf({ name, shape }).toEqualTypeOf<{ name: string; shape: readonly number[] }>();
    expectTypeOf(dtype).toEqualTypeOf<'f32' | 'f16' | 'q8' | 'q8_32' | 'q4'>();
    expectTypeOf(await read()).toEqualTypeOf<Float32Array>();
    using copy = await model.withWeights({ a: await read(), b: (values, of) => values.fill(of.length) });
    expectTypeOf(copy).toEqualTypeOf<TextModel>();
    return [
      // @ts-expect-error: numbers in an array
      model.withWeights({ a: [1, 2] }),
      // @ts-expect-error: nothing is returned
      model.withWeights({ a: (values) => void values.fill(0) }),
      loadTextModel('weights/tales', { mapWeight: (each, values) => (each === 'ln_f.bias' ? values.fill(0) : null) }),
      // @ts-expect-error: neither numbers nor null
      loadTextModel('weights/tales', { mapWeight: () => {} }),
    ];
  });
});

test('functions of research take what they declare, and no others', () => {
  void (async () => {
    const patching = { clean: ids, corrupted: ids, metric };
    expectTypeOf(await activationPatching(model, { ...patching, at: 'z' })).toEqualTypeOf<PatchingScores>();
    expectTypeOf(await logitLens(model, ids)).toEqualTypeOf<LensLogits[]>();
    expectTypeOf(topTokens(new Float32Array(3), { count: 2 })).toEqualTypeOf<TokenProb[]>();
    expectTypeOf(
      await steeringVector(model, { at: 'embed', positive: [ids], negative: [ids] }),
    ).toEqualTypeOf<Float32Array>();
    expectTypeOf((await tokenScores(model, ids))[0]?.position).toEqualTypeOf<number | undefined>();
    expectTypeOf(
      (await headAblation(model, ids, { metric, by: 'mean', texts: [ids] })).scores,
    ).toEqualTypeOf<Float64Array>();
    expectTypeOf((await perplexity(model, ids)).tokens).toEqualTypeOf<number>();
    return [
      // @ts-expect-error: no metric
      activationPatching(model, { clean: ids, corrupted: ids }),
      // @ts-expect-error: a point of a block, without its name
      activationPatching(model, { ...patching, at: 'blocks.1.z' }),
      // @ts-expect-error: a metric gives a number
      headAblation(model, ids, { metric: () => 'high' }),
      // @ts-expect-error: a list of texts
      steeringVector(model, { at: 'embed', positive: ids, negative: [ids] }),
      // @ts-expect-error: no layer
      attentionPattern(model, ids, {}),
      // @ts-expect-error: counts are numbers
      nextTokens(model, ids, { count: '3' }),
      // @ts-expect-error: a loaded model has the model as `model`
      logitLens(await loadTextModel(), ids),
    ];
  });
});
