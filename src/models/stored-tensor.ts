// A weight on the GPU, of one tensor of the files or of several that one matmul reads. Models that differ in a few weights share
// all others: the last one to let go of a tensor frees it.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { placeColumns, unpackTiles } from '../kernels/weights/tile-columns.ts';
import { packTiles, tileRows, type WeightDType } from '../kernels/weights/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';
import { placeRows, takeRows } from '../util/parts.ts';
import { type FusedTensor, placeOf, type TensorSpec } from './tensor-specs.ts';
import type { VocabularyRange } from './weights.ts';

/** Form of a weight on the GPU: numbers in f32, a packed matrix, or the ranges of a vocabulary. */
export type StoredForm = Tensor | PackedWeight | readonly VocabularyRange[];

/** A weight on the GPU and the models that hold it. */
export class StoredTensor {
  readonly fused: FusedTensor;
  readonly form: StoredForm;
  #holders = 1;

  constructor(fused: FusedTensor, form: StoredForm) {
    this.fused = fused;
    this.form = form;
  }

  /** Storage of its numbers. */
  get dtype(): WeightDType {
    if (this.form instanceof Tensor) return 'f32';
    return this.form instanceof PackedWeight ? this.form.dtype : (this.form[0]?.w.dtype ?? 'f32');
  }

  /** Adds a holder. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** Lets go of it for one holder; the last one frees it. */
  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    for (const owned of this.#owned()) owned.close();
  }

  /** Reads a tensor of the files as it is stored, in the order of the files. @throws TensorError after it was freed. */
  async read(spec: TensorSpec): Promise<Float32Array> {
    const { form, fused } = this;
    const place = placeOf(spec, fused);
    if (form instanceof Tensor) {
      const [numRows = 0] = spec.shape;
      return takeRows(await form.readF32(), numRows, numElements(spec.shape.slice(1)), place);
    }
    if (!(form instanceof PackedWeight)) return await readVocabulary(form);
    const { K, N, dtype, words } = form;
    const values = unpackTiles(K, N, dtype, await wordsOf(words), spec.order ?? 'kn');
    return spec.order === 'nk' ? takeRows(values, spec.shape[0] ?? 0, K, place) : values;
  }

  /**
   * Makes a weight with other numbers in the places of some tensors of the files, rounded to the storage; the others keep their bits.
   *
   * @param replaced numbers of each of them in the order of the files, by name.
   * @throws GpuError when the adapter has no room.
   */
  async replace(device: Device, replaced: ReadonlyMap<string, Float32Array>): Promise<StoredTensor> {
    const { form, fused } = this;
    const parts = fused.parts.flatMap((spec) => {
      const values = replaced.get(spec.name);
      return values === undefined ? [] : [{ spec, values, place: placeOf(spec, fused) }];
    });
    if (form instanceof Tensor) {
      const numbers = await form.readF32();
      for (const { spec, values, place } of parts) placeRows(values, numbers, numElements(spec.shape.slice(1)), place);
      return new StoredTensor(fused, Tensor.from(device, form.label, numbers, form.shape));
    }
    if (!(form instanceof PackedWeight)) {
      const [only] = parts;
      return new StoredTensor(fused, only === undefined ? [] : packVocabulary(device, form, only.values));
    }
    const { K, N, dtype, label } = form;
    const words = await wordsOf(form.words);
    const rows = tileRows(K, dtype);
    for (const { spec, values, place } of parts) {
      const columns = values.length / K;
      const packed = packTiles(K, columns, dtype, values, spec.order ?? 'kn');
      placeColumns(packed, words, { N: columns, rows, part: place });
    }
    const weight = PackedWeight.create(device, label, [K, N], dtype);
    weight.words.write(words);
    return new StoredTensor(fused, weight);
  }

  /** Bytes on the GPU. */
  get bytes(): number {
    return this.#owned().reduce((sum, owned) => sum + (owned instanceof Tensor ? owned : owned.words).range.size, 0);
  }

  #owned(): readonly (Tensor | PackedWeight)[] {
    const { form } = this;
    return form instanceof Tensor || form instanceof PackedWeight ? [form] : form.map(({ w }) => w);
  }
}

async function wordsOf(words: Tensor): Promise<Uint32Array> {
  const data = await words.read();
  if (data instanceof Uint32Array) return data;
  throw new RangeValueError(`type of the words of ${words.label}`, words.dtype, 'u32');
}

/** Reads [V, C] of its ranges. */
async function readVocabulary(ranges: readonly VocabularyRange[]): Promise<Float32Array> {
  const out = new Float32Array(ranges.reduce((sum, { w }) => sum + w.K * w.N, 0));
  for (const { first, w } of ranges) {
    out.set(unpackTiles(w.K, w.N, w.dtype, await wordsOf(w.words), 'nk'), first * w.K);
  }
  return out;
}

/** Packs [V, C] into ranges like others. */
function packVocabulary(
  device: Device,
  ranges: readonly VocabularyRange[],
  values: Float32Array,
): readonly VocabularyRange[] {
  using made = new DisposableStack();
  const packed = ranges.map(({ first, size, w: { K, dtype, label } }) => {
    const w = made.use(PackedWeight.create(device, label, [K, size], dtype));
    w.writeColumns(0, size, values.subarray(first * K, (first + size) * K), 'nk');
    return { first, size, w };
  });
  made.move();
  return packed;
}
