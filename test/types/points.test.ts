// Read by `tsc`, not run: each expected error must be one, and nothing else may be.
import { expectTypeOf, test } from 'vitest';
import { type Kernel, layernorm } from '../../src/kernels/index.ts';
import type { DeviceEdit, EditValues, PointEdit, PointName, Tensor, TextModel } from '../../src/research/index.ts';

declare const model: TextModel;
declare const tensor: Tensor;
declare const kernel: Kernel;
const ids = [1, 2];
const choose = () => 1;

test('a point that is misspelt, or has no layer, is no name', () => {
  const names: PointName[] = ['embed', 'blocks.0.z', 'blocks.11.resid_post', 'final_norm', 'logits'];
  const layer = 3;
  names.push(`blocks.${layer}.mlp_act`);
  void (() => [
    model.forward(ids, { taps: names }),
    // @ts-expect-error no such point
    model.forward(ids, { taps: ['blocks.0.zz'] }),
    // @ts-expect-error a block's point without its layer
    model.forward(ids, { taps: ['z'] }),
    // @ts-expect-error a name of Hugging Face's GPT-2
    model.forward(ids, { taps: ['h.0.attn'] }),
    // @ts-expect-error a layer that is no number
    model.forward(ids, { taps: ['blocks.first.z'] }),
  ]);
});

test('taps come by the names of points', () => {
  void (async () => {
    const { taps } = await model.forward(ids, { taps: ['embed'] });
    expectTypeOf(taps.get('embed')).toEqualTypeOf<Tensor | undefined>();
    // @ts-expect-error no such point
    taps.get('embedding');
  });
});

test('an edit has a point and one change', () => {
  expectTypeOf<number | Float32Array | Tensor | readonly number[]>().toEqualTypeOf<EditValues>();
  const edits = (): PointEdit[] => [
    { at: 'embed', set: 0 },
    { at: 'blocks.1.z', head: [0, 1], position: 3, add: new Float32Array(4) },
    { at: 'blocks.1.z', scale: tensor },
    { at: 'blocks.1.z', kernel, operands: { tensor }, scalars: { a: 1 } },
    { at: 'blocks.1.z', kernel: layernorm },
    { at: 'logits', run: (values, shape, { firstPosition }) => void values.fill(shape.length + firstPosition) },
    { at: 'logits', run: async (values) => void values.fill(0) },
  ];
  void (() => [
    model.forward(ids, { edit: edits() }),
    // @ts-expect-error no change
    model.forward(ids, { edit: [{ at: 'embed' }] }),
    // @ts-expect-error no point
    model.forward(ids, { edit: [{ set: 0 }] }),
    // @ts-expect-error values of text
    model.forward(ids, { edit: [{ at: 'embed', set: '0' }] }),
    // @ts-expect-error a head that is a text
    model.forward(ids, { edit: [{ at: 'blocks.0.z', head: '0', set: 0 }] }),
    // @ts-expect-error an unknown key
    model.forward(ids, { edit: [{ at: 'blocks.0.z', heads: 0, set: 0 }] }),
  ]);
});

test('generation takes edits of the GPU alone', () => {
  const edit: DeviceEdit[] = [{ at: 'embed', add: 1 }];
  void (() => [
    model.generate(ids, { maxTokens: 1, choose, edit }),
    // @ts-expect-error a function on the host
    model.generate(ids, { maxTokens: 1, choose, edit: [{ at: 'embed', run: () => {} }] }),
    model.prefill(ids, { edit: [{ at: 'embed', run: () => {} }] }),
  ]);
});
