// Fixture models whose points tests read and change, with the float64 oracle of each.
import { createHash } from 'node:crypto';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import type { PointName } from '../../../src/models/points.ts';
import type { ForwardOptions, ReferenceOutput } from '../../../src/reference/model.ts';
import type { ForwardOptions as TextOptions } from '../../../src/research/research-options.ts';
import type { TextModel } from '../../../src/research/text-model.ts';
import type { Tolerance } from '../../../src/testing/index.ts';
import { loadReferenceLlama } from './reference-llama.ts';
import { loadReferenceModel } from './reference-model.ts';

/** Fixture and a text for it. */
export interface PointFixture {
  readonly name: string;
  readonly directory: string;
  readonly ids: readonly number[];
  forward(ids: readonly number[], options?: ForwardOptions): ReferenceOutput;
}

/** Change of a point in the oracle. */
export type ReferenceEdit = (values: Float64Array, shape: readonly number[]) => void;

/** Makes a fixture of `count` ids. @param kvDtype storage of keys and values in the oracle of a Llama. */
export function pointFixture(name: string, count: number, kvDtype: 'f64' | 'f16' = 'f64'): PointFixture {
  const directory = `test/fixtures/models/${name}`;
  const isGPT2 = /^(plain|odd)$/.test(name);
  let oracle: ReturnType<typeof loadReferenceModel> | ReturnType<typeof loadReferenceLlama> | undefined;
  return {
    name,
    directory,
    ids: Array.from({ length: count }, (_, t) => (t * 37 + 11) % 290),
    forward(ids, options) {
      oracle ??= isGPT2 ? loadReferenceModel(directory) : loadReferenceLlama(directory, undefined, { kvDtype });
      return oracle.forward(ids, options);
    },
  };
}

/** Values of all points by the oracle, after some edits in their order. */
export function referencePoints(
  fixture: PointFixture,
  edits: readonly { readonly at: PointName; readonly change: ReferenceEdit }[] = [],
): Map<string, { readonly values: Float64Array; readonly shape: readonly number[] }> {
  const points = new Map<string, { values: Float64Array; shape: readonly number[] }>();
  fixture.forward(fixture.ids, {
    onPoint(point, values, shape) {
      for (const { at, change } of edits) if (at === point) change(values, shape);
      points.set(point, { values: values.slice(), shape });
    },
  });
  return points;
}

/**
 * Bound of a point's values: sums from the embedding to any point are at most 3,000 long in these models (an element of a layer
 * goes through chains of C, D, T, H · D, C and F), each of their roundings is 2^-24 of a sum of magnitudes below
 * 2 · (1 + max |value|), and roundings of a chain that go both ways add up to the root of their number: 8 times it is allowed.
 */
export function pointTolerance(values: Float64Array): Tolerance {
  const greatest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return { abs: 8 * Math.sqrt(3000) * 2 ** -24 * 2 * (1 + greatest) };
}

/** Values of a point and their shape. */
export interface PointValues {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Runs a text, reads its logits and taps, and closes them. */
export async function runForward(model: TextModel, ids: readonly number[], options: TextOptions = {}) {
  using result = await model.forward(ids, options);
  const read = async ([point, tensor]: readonly [PointName, Tensor]) =>
    [point, { values: await tensor.readF32(), shape: tensor.shape }] as const;
  const taps: ReadonlyMap<PointName, PointValues> = new Map(await Promise.all([...result.taps].map(read)));
  return { logits: await result.logits.readF32(), taps };
}

/** Digest of the bits of numbers: a comparison of long arrays takes its time. */
export function bitsOf({ buffer, byteOffset, byteLength }: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}
