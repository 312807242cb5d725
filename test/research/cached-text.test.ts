// Cached texts, batches of texts and the logit lens: every way to the same logits gives the same bits, in both families, both
// reduction classes and both storages of keys and values.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { modelKernels } from '../../src/models/kernels.ts';
import type { CachedText } from '../../src/research/cached-text.ts';
import { type LoadedTextModel, loadTextModel } from '../../src/research/load-text-model.ts';
import { MemoryError } from '../../src/runtime/memory-plan.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { uniform } from '../../src/util/rng.ts';
import { bitsIn } from '../support/models/bits.ts';

/** Models, and the class in which npm test has them; the slow tier has the other. */
const CASES = [
  { name: 'test/fixtures/models/plain', quick: 'software' },
  { name: 'test/fixtures/models/odd', quick: 'software' },
  { name: 'test/fixtures/models/qwen3', quick: 'gpu' },
].flatMap(({ name, quick }) =>
  (['software', 'gpu'] as const).map((reduction) => ({ name, reduction, tags: reduction === quick ? [] : ['slow'] })),
);

for (const { name, reduction, tags } of CASES)
  describe(`${name} in class ${reduction}`, { tags }, () => {
    let loaded: LoadedTextModel;
    beforeAll(async () => {
      const kvDtype = reduction === 'gpu' ? 'f16' : 'f32';
      loaded = await loadTextModel(name, { reduction, kvDtype, onNotice: () => {} });
    });
    afterAll(() => loaded.close());

    const idsOf = (seed: number, length: number) =>
      Array.from({ length }, (_, t) => Math.floor(uniform(seed, t, 0) * loaded.model.config.vocabSize));

    /** Bits of the logits of a text, and of what goes on after a cached one. */
    async function bitsAfter(ids: readonly number[], cache?: CachedText): Promise<Uint32Array> {
      using result = await loaded.model.forward(ids, { cache });
      return await bitsIn(result.logits);
    }

    test('a text goes on from its cached beginning, of any length, with the bits of the whole', async () => {
      const { model, device } = loaded;
      const V = model.config.vocabSize;
      const ids = idsOf(1, 40);
      const whole = await bitsAfter(ids);
      const before = device.liveBuffers;
      using cache = await model.prefill(ids.slice(0, 39));
      expect([cache.length, cache.ids]).toEqual([39, ids.slice(0, 39)]);
      for (const length of [1, 15, 16, 17, 32, 38, 39]) {
        const rest = await bitsAfter(ids.slice(length), cache.prefix(length));
        expect(rest, `after ${length}`).toEqual(whole.subarray(length * V));
      }
      using longer = await model.prefill(ids.slice(20, 33), { cache: cache.prefix(20) });
      expect(longer.ids).toEqual(ids.slice(0, 33));
      expect(await bitsAfter(ids.slice(33), longer)).toEqual(whole.subarray(33 * V));
      cache.prefix(3).close();
      expect(await bitsAfter(ids.slice(39), cache)).toEqual(whole.subarray(39 * V));
      expect(device.liveBuffers - before).toBe(2 * model.config.numLayers);
    });

    test('texts go on after one cached text at the same time, each with the bits that it has alone', async () => {
      const { model } = loaded;
      const V = model.config.vocabSize;
      const start = idsOf(2, 18);
      const ends = [idsOf(3, 9), idsOf(4, 1), idsOf(5, 20), idsOf(6, 1)];
      using cache = await model.prefill(start);
      const alone: Uint32Array[] = [];
      for (const end of ends) alone.push((await bitsAfter([...start, ...end])).subarray(18 * V));
      expect(await Promise.all(ends.map((end) => bitsAfter(end, cache)))).toEqual(alone);
      const together: Uint32Array[] = [];
      for (using result of await model.forward(ends, { cache })) together.push(await bitsIn(result.logits));
      expect(together).toEqual(alone);
    });

    test('a batch has the bits of each text alone, in the order of the texts', async () => {
      const { model, device } = loaded;
      const texts = [70, 1, 33, 64, 1, 5, 2, 2, 2, 90, 1].map((length, i) =>
        idsOf(10 + i, Math.min(length, model.maxModelLen)),
      );
      const alone: Uint32Array[] = [];
      for (const ids of texts) alone.push(await bitsAfter(ids));
      const before = device.liveBuffers;
      const together: Uint32Array[] = [];
      for (using result of await model.forward(texts)) together.push(await bitsIn(result.logits));
      expect(together).toEqual(alone);
      expect(device.liveBuffers).toBe(before);
    });

    test('the last residual stream unembeds to the logits of forward, and without the norm to those of normed rows', async () => {
      const { model, device } = loaded;
      const { numLayers } = model.config;
      const [stream, normed] = [`blocks.${numLayers - 1}.resid_post`, 'final_norm'] as const;
      const ids = idsOf(7, Math.min(70, model.maxModelLen));
      const before = device.liveBuffers;
      {
        using result = await model.forward(ids, { taps: [stream, normed] });
        const want = await bitsIn(result.logits);
        const hidden = result.taps.get(stream)!;
        using ofTensor = await model.unembed(hidden);
        expect(await bitsIn(ofTensor)).toEqual(want);
        using ofNumbers = await model.unembed(await hidden.readF32());
        expect(await bitsIn(ofNumbers)).toEqual(want);
        using plain = await model.unembed(result.taps.get(normed)!, { norm: false });
        expect(await bitsIn(plain)).toEqual(want);
        using other = await model.unembed(hidden, { norm: false });
        expect(await bitsIn(other)).not.toEqual(want);
      }
      expect(device.liveBuffers).toBe(before);
    });

    test('generate goes on after a cached text as after its ids', async () => {
      const { model } = loaded;
      const ids = idsOf(8, 20);
      const choose = (logits: Float32Array) => logits.indexOf(Math.max(...logits));
      using cache = await model.prefill(ids.slice(0, 17));
      const want = await model.generate(ids, { maxTokens: 5, choose });
      expect(await model.generate(ids.slice(17), { maxTokens: 5, choose, cache })).toEqual(want);
    });
  });

describe('refused', () => {
  let loaded: LoadedTextModel;
  let cache: CachedText;
  beforeAll(async () => {
    loaded = await loadTextModel('test/fixtures/models/plain');
    cache = await loaded.model.prefill([1, 2, 3]);
  });
  afterAll(() => loaded.close());

  test('is a cached text of another model, and one that was closed, with its prefixes', async () => {
    using other = await loadTextModel('test/fixtures/models/plain');
    await expect(other.model.forward([1], { cache })).rejects.toThrow(
      /^cache is an object of class CachedText, expected one that this model's prefill made, after its last replaceKernel$/,
    );
    using closed = await other.model.prefill([1, 2, 3]);
    const beginning = closed.prefix(2);
    closed.close();
    closed.close();
    for (const refused of [closed, beginning]) {
      await expect(other.model.forward([1], { cache: refused })).rejects.toThrow(
        'cache is an object of class CachedText, expected one that is not closed',
      );
    }
  });

  test('is a change of its ids', () => {
    for (const text of [cache, cache.prefix(2)]) expect(() => Reflect.apply([].push, text.ids, [4])).toThrow(TypeError);
    expect(cache.length).toBe(3);
  });

  test('are rows for the new tokens alone as values of an edit: they are of no position', async () => {
    const { model } = loaded;
    using result = await model.forward([4, 5, 6, 7], { cache, taps: ['embed'] });
    const [at, position] = ['embed', 3] as const;
    for (const set of [result.taps.get('embed')!, await result.taps.get('embed')!.readF32()]) {
      await expect(model.forward([4, 5, 6, 7], { cache, edit: [{ at, position, set }] })).rejects.toThrow(
        'shape of edit[0].set is [4, 128], expected [128] or [7, 128]',
      );
    }
  });

  test('is a cached text that another kernel of the model computed', async () => {
    using other = await loadTextModel('test/fixtures/models/plain');
    using stale = await other.model.prefill([1, 2, 3]);
    await other.model.replaceKernel('matmul', modelKernels.matmul);
    await expect(other.model.prefill([1], { cache: stale })).rejects.toThrow('after its last replaceKernel');
  });

  test.each([0, 4, -1, 1.5, Number.NaN, '2', undefined])('is a prefix of %o of three tokens', (length) => {
    expect(() => Reflect.apply(cache.prefix, cache, [length])).toThrow(
      /^length of a prefix is .*, expected an integer in \[1, 3\]$/,
    );
  });

  test('are texts for which the context has no room after the cached one, and empty ones', async () => {
    const { model } = loaded;
    const most = model.maxModelLen - 3;
    const long = Array(most + 1).fill(1);
    await expect(model.forward(long, { cache })).rejects.toThrow(
      `number of ids is ${most + 1}, expected an integer in [1, ${most}]`,
    );
    await expect(model.forward([[1], long], { cache })).rejects.toThrow(`number of texts[1] is ${most + 1}`);
    await expect(model.prefill(long, { cache })).rejects.toThrow(`number of ids is ${most + 1}`);
    await expect(model.forward([[1], []])).rejects.toThrow('number of texts[1] is 0, expected');
    await expect(model.generate(long.slice(1), { cache, maxTokens: 1, choose: () => 1 })).rejects.toThrow(
      'maxTokens is 1, expected room for 1, but there is none',
    );
  });

  test.each<[string, unknown[], RegExp]>([
    ['forward', [[1], { cache: [1, 2] }], /^cache is \[1, 2\], expected a cached text; prefill makes one$/],
    ['prefill', [[1], { cache: null }], /^cache is null, expected a cached text/],
    ['prefill', [[1], { cached: null }], /did you mean "cache"/],
    ['prefill', ['king'], /^ids is "king", expected an array of ids$/],
    ['prefill', [[]], /^number of ids is 0, expected an integer in \[1, /],
    ['prefill', [[1, -1]], /^ids\[1\] is -1, expected/],
    ['generate', [[1], { cache: 3, maxTokens: 1, choose: () => 1 }], /^cache is 3, expected a cached text/],
    ['forward', [[[1], [-1]]], /^texts\[1\]\[0\] is -1, expected an integer in/],
    ['forward', [[[1], 2]], /^texts\[1\] is 2, expected an array of ids$/],
    ['forward', [[1, [2]]], /^texts\[0\] is 1, expected an array of ids$/],
    ['unembed', [[1, 2]], /^hidden is \[1, 2\], expected a tensor or a Float32Array of rows$/],
    [
      'unembed',
      [new Float32Array(0)],
      /^length of hidden is 0, expected a positive multiple of the \d+ numbers of a row$/,
    ],
    ['unembed', [new Float32Array(65)], /^length of hidden is 65, expected a positive multiple of/],
    ['unembed', [new Float64Array(64)], /^hidden is an object of class Float64Array, expected a tensor or/],
    ['unembed', [new Float32Array(64), { norm: 1 }], /^norm is 1, expected true or false$/],
    ['unembed', [new Float32Array(64), { norms: true }], /did you mean "norm"/],
  ])('by %s is %j', async (method, args, message) => {
    const { model } = loaded;
    const refused = Reflect.apply(Reflect.get(model, method), model, args);
    await expect(refused).rejects.toThrow(RangeValueError);
    await expect(refused).rejects.toThrow(message);
  });

  test('is a cached text where memory lacks, with the numbers, and by the adapter; nothing is left of it', async () => {
    const { model, device } = loaded;
    const before = device.liveBuffers;
    const free = vi.spyOn(process, 'availableMemory').mockReturnValue(1000);
    const error = await model.prefill([1, 2, 3]).catch((thrown: unknown) => thrown);
    free.mockRestore();
    expect(error).toBeInstanceOf(MemoryError);
    expect(error).toMatchObject({ needed: cache.bytes, available: 1000 });
    expect(String(error)).toContain('keys and values of 3 cached tokens need');
    const createBuffer = device.createBuffer.bind(device);
    const refusing = vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
      if (descriptor.label === 'kv.1 (copy)') throw new Error('no room');
      return createBuffer(descriptor);
    });
    await expect(model.prefill([1, 2, 3])).rejects.toThrow('no room');
    refusing.mockRestore();
    expect(device.liveBuffers).toBe(before);
  });

  test('is every call after the model was closed; a cached text stays', async () => {
    const other = await loadTextModel('test/fixtures/models/plain');
    using kept = await other.model.prefill([1, 2]);
    const alive = other.device.liveBuffers;
    other.model.close();
    other.model.close();
    await expect(other.model.forward([1])).rejects.toThrow('the model was closed, expected an open one');
    expect(other.device.liveBuffers).toBe(2);
    expect(alive).toBeGreaterThan(2);
    kept.close();
    expect(other.device.liveBuffers).toBe(0);
    other.close();
  });
});
