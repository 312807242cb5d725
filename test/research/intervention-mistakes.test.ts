// Mistakes in taps and edits: one clear line each, before any GPU work, and nothing is left on the device.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import type { TextModel } from '../../src/research/text-model.ts';
import { openText } from '../support/models/open-text.ts';
import { bitsOf, pointFixture, runForward } from '../support/models/point-fixtures.ts';

let device: Device;
let other: Device;
/** GPT-2 of 2 layers, C = 128, H = 2, D = 64. */
let plain: TextModel;
/** Llama of 3 layers, C = 80, H = 4, G = 2, D = 32. */
let qwen: TextModel;
beforeAll(async () => {
  [device, other] = [await Device.open(), await Device.open()];
  plain = await openText(device, 'test/fixtures/models/plain');
  qwen = await openText(device, 'test/fixtures/models/qwen3');
});
afterAll(() => {
  for (const owned of [plain, qwen, device, other]) owned.close();
});

const ids = [1, 2, 3, 4, 5, 6];

const source = '@group(0) @binding(0) var<storage, read_write> y: array<f32>; @compute @workgroup_size(1) fn main() {}';
const workgroups = () => [1, 1, 1] as const;
const withoutX = defineKernel({ name: 'without_x', source, bindings: { y: write('T', 'C') }, workgroups });
const readsX = defineKernel({ name: 'reads_x', source, bindings: { x: read('T', 'C') }, workgroups });
const flat = defineKernel({ name: 'flat', source, bindings: { x: write('I') }, workgroups });
const twin = defineKernel({ name: 'twin', source, bindings: { x: write('T', 'C'), by: read('C') }, workgroups });

function closedTensor(): Tensor {
  const tensor = Tensor.from(device, 'closed', new Float32Array(128));
  tensor.close();
  return tensor;
}

test.each<[string | RegExp, unknown]>([
  ['taps is "embed", expected an array', { taps: 'embed' }],
  [
    'taps[1] is "blocks.0.resid", expected a point that a block of GPT-2 has: resid_pre, attn_in, q, k, v, pattern, z, attn_out, ' +
      'resid_mid, mlp_in, mlp_act, mlp_out, resid_post',
    { taps: ['embed', 'blocks.0.resid'] },
  ],
  [/^taps\[0\] is "blocks.1.atn_out", .* \(did you mean "blocks.1.attn_out"\?\)$/, { taps: ['blocks.1.atn_out'] }],
  [/^taps\[0\] is "blocks.0.rot_k", expected a point that a block of GPT-2 has: /, { taps: ['blocks.0.rot_k'] }],
  ['taps[0] is "blocks.2.z", expected a layer from 0 to 1', { taps: ['blocks.2.z'] }],
  ['taps[0] is "blocks.01.z", expected a layer from 0 to 1', { taps: ['blocks.01.z'] }],
  [
    /^taps\[0\] is "h.0.attn", expected one of embed, final_norm, logits, blocks.L.resid_pre, .*, with L from 0 to 1$/,
    { taps: ['h.0.attn'] },
  ],
  [/^taps\[0\] is 3, expected one of embed, /, { taps: [3] }],
  ['edit is an object, expected an array', { edit: { at: 'embed', set: 0 } }],
  ['edit[0] is null, expected an object', { edit: [null] }],
  [
    /^key of edit\[0\] is "heads", expected one of .* \(did you mean "head"\?\)$/,
    { edit: [{ at: 'blocks.0.z', heads: 1, set: 0 }] },
  ],
  [/^edit\[0\].at is "toString", expected one of embed/, { edit: [{ at: 'toString', set: 0 }] }],
  ['change of edit[0] is [], expected one of set, add, scale, kernel, run', { edit: [{ at: 'embed' }] }],
  [
    'change of edit[0] is ["set", "add"], expected one of set, add, scale, kernel, run',
    { edit: [{ at: 'embed', set: 0, add: 1 }] },
  ],
  ['edit[0].head is 2, expected an integer in [0, 1]', { edit: [{ at: 'blocks.0.z', head: 2, set: 0 }] }],
  ['edit[0].head[1] is 1.5, expected an integer in [0, 1]', { edit: [{ at: 'blocks.0.z', head: [0, 1.5], set: 0 }] }],
  [
    'edit[0].head is [], expected at least one, and none of them twice',
    { edit: [{ at: 'blocks.0.z', head: [], set: 0 }] },
  ],
  [
    'edit[0].head is 0, expected none: blocks.0.mlp_out has no heads',
    { edit: [{ at: 'blocks.0.mlp_out', head: 0, set: 0 }] },
  ],
  [
    'edit[1].position is 6, expected an integer in [0, 5]',
    {
      edit: [
        { at: 'embed', set: 0 },
        { at: 'embed', position: 6, set: 0 },
      ],
    },
  ],
  ['edit[0].position is "1", expected an integer in [0, 5]', { edit: [{ at: 'embed', position: '1', set: 0 }] }],
  [
    'edit[0].position is [2, 2], expected at least one, and none of them twice',
    { edit: [{ at: 'embed', position: [2, 2], set: 0 }] },
  ],
  [
    'shape of edit[0].set is [127], expected [128] or [6, 128]',
    { edit: [{ at: 'embed', set: new Float32Array(127) }] },
  ],
  [
    'shape of edit[0].add is [5, 128], expected [128] or [6, 128]',
    { edit: [{ at: 'embed', add: new Float32Array(5 * 128) }] },
  ],
  [
    'shape of edit[0].set is [0, 2, 64], expected [64] or [2, 64] or [6, 2, 64]',
    { edit: [{ at: 'blocks.0.z', set: [0, 1].slice(2) }] },
  ],
  [
    'edit[0].set is ["1"], expected a number, numbers, a Float32Array or a tensor',
    { edit: [{ at: 'embed', set: ['1'] }] },
  ],
  [
    'edit[0].scale is null, expected a number, numbers, a Float32Array or a tensor',
    { edit: [{ at: 'embed', scale: null }] },
  ],
  [
    'edit[0].kernel is an object, expected a kernel; defineKernel makes one',
    { edit: [{ at: 'embed', kernel: flat.spec }] },
  ],
  [
    'bindings of edit[0].kernel is ["y: read_write"], expected x: read_write among them, for embed',
    { edit: [{ at: 'embed', kernel: withoutX }] },
  ],
  [
    /^bindings of edit\[0\].kernel is \["x: read"\], expected x: read_write/,
    { edit: [{ at: 'embed', kernel: readsX }] },
  ],
  [/^flat: x is \[6, 128\], expected \[I\]/, { edit: [{ at: 'embed', kernel: flat }] }],
  [/^twin: tensor by is missing$/, { edit: [{ at: 'embed', kernel: twin }] }],
  [
    'edit[0].operands is [], expected an object of tensors by name',
    { edit: [{ at: 'embed', kernel: twin, operands: [] }] },
  ],
  ['edit[0].scalars is an object, expected none without a kernel', { edit: [{ at: 'embed', set: 0, scalars: {} }] }],
  ['edit[0].run is 3, expected a function', { edit: [{ at: 'embed', run: 3 }] }],
])('%s', async (message, options) => {
  const before = device.liveBuffers;
  await expect(Reflect.apply(plain.forward, plain, [ids, options])).rejects.toThrow(message);
  expect(device.liveBuffers).toBe(before);
});

test('tensors that are closed, on another device, or of another shape or type are refused by name', async () => {
  const refusal = (edit: object) => Reflect.apply(plain.forward, plain, [ids, { edit: [edit] }]);
  const live = "expected a tensor of the model's device that is not closed";
  using foreign = Tensor.from(other, 'foreign', new Float32Array(128));
  using wide = Tensor.from(device, 'wide', new Float32Array(256), [2, 128]);
  using words = Tensor.from(device, 'words', new Uint32Array(128));
  using packed = packWeight(other, 'packed', new Float32Array(16), [4, 4]);
  await expect(refusal({ at: 'embed', set: closedTensor() })).rejects.toThrow(
    `edit[0].set is an object of class Tensor, ${live}`,
  );
  await expect(refusal({ at: 'embed', add: foreign })).rejects.toThrow(
    `edit[0].add is an object of class Tensor, ${live}`,
  );
  await expect(refusal({ at: 'embed', set: wide })).rejects.toThrow(
    'shape of edit[0].set is [2, 128], expected [128] or [6, 128]',
  );
  await expect(refusal({ at: 'embed', set: words })).rejects.toThrow(
    'element type of edit[0].set is "u32", expected f32',
  );
  const by = { at: 'embed', kernel: twin };
  await expect(refusal({ ...by, operands: { by: closedTensor() } })).rejects.toThrow(
    `edit[0].operands.by is an object`,
  );
  await expect(refusal({ ...by, operands: { by: packed } })).rejects.toThrow(live);
  await expect(refusal({ ...by, operands: { by: wide } })).rejects.toThrow(/^twin: by is \[2, 128\]/);
  await expect(refusal({ ...by, operands: { by: foreign, x: wide } })).rejects.toThrow(
    'edit[0].operands.x is an object of class Tensor, expected none: x is embed',
  );
});

test.each<[string, object]>([
  [
    'edit[0].run is function run, expected none in generate, which edits on the GPU alone: forward takes it',
    { at: 'embed', run() {} },
  ],
  ['edit[0].position is 9, expected an integer in [0, 8]', { at: 'embed', position: 9, set: 0 }],
  ['shape of edit[0].set is [6, 80], expected [80]', { at: 'embed', set: new Float32Array(6 * 80) }],
  [
    'shape of edit[0].set is [6], expected a number, as blocks.0.pattern grows with the text',
    { at: 'blocks.0.pattern', set: new Float32Array(6) },
  ],
])('in generate: %s', async (message, edit) => {
  const options = { maxTokens: 3, choose: () => 1, edit: [edit] };
  await expect(Reflect.apply(qwen.generate, qwen, [ids, options])).rejects.toThrow(message);
});

test('values that no binding has room for are refused with their bytes', async () => {
  const limited = Object.create(device, {
    gpu: { value: { limits: { maxStorageBufferBindingSize: 500 } } },
  });
  expect(limited.gpu.limits.maxStorageBufferBindingSize).toBe(500);
  const { checkInterventions } = await import('../../src/research/check-interventions.ts');
  const { readModel } = await import('../../src/models/registry.ts');
  const model = await readModel('test/fixtures/models/plain');
  const scope = { model, device: limited, firstPosition: 2, numTokens: 6, end: null };
  expect(() => checkInterventions({ taps: ['blocks.1.pattern'] }, scope)).not.toThrow();
  expect(() => checkInterventions({ taps: ['blocks.1.z'] }, scope)).toThrow(
    'bytes of blocks.1.z [6, 2, 64] is 3072, expected at most 500, the largest binding of the adapter',
  );
  const longer = { ...scope, numTokens: 10 };
  expect(() => checkInterventions({ edit: [{ at: 'blocks.1.pattern', set: 0 }] }, longer)).toThrow(
    'bytes of blocks.1.pattern [2, 10, 12] is 960, expected at most 500, the largest binding of the adapter',
  );
});

test('a function that throws ends the call with its error, and nothing is left on the device', async () => {
  const before = device.liveBuffers;
  const run = () => {
    throw new RangeError('mine');
  };
  const taps = ['embed', 'logits'] as const;
  await expect(plain.forward(ids, { taps, edit: [{ at: 'blocks.0.k', head: 1, run }] })).rejects.toThrow('mine');
  expect(device.liveBuffers).toBe(before);
  const { logits } = await runForward(plain, ids, { taps, edit: [{ at: 'blocks.0.k', set: 0 }] });
  expect(device.liveBuffers).toBe(before);
  expect(bitsOf(logits)).not.toBe(bitsOf((await runForward(plain, ids)).logits));
});

test('a change that is undefined counts as left out', async () => {
  const edit = { at: 'embed', set: undefined, kernel: undefined, add: 1 };
  const want = await runForward(plain, ids, { edit: [{ at: 'embed', add: 1 }] });
  using got = await Reflect.apply(plain.forward, plain, [ids, { edit: [edit] }]);
  expect(await got.logits.readF32()).toEqual(want.logits);
});

test('NaN and infinity are values like others, and reach what comes after their position alone', async () => {
  const { ids: text } = pointFixture('plain', 6);
  const { logits: want } = await runForward(plain, text);
  const edit = [{ at: 'blocks.1.resid_post', position: 4, set: Number.NaN } as const];
  const { logits } = await runForward(plain, text, { edit });
  const V = plain.config.vocabSize;
  expect(logits.subarray(0, 4 * V)).toEqual(want.subarray(0, 4 * V));
  expect(logits.subarray(4 * V, 5 * V).every(Number.isNaN)).toBe(true);
  expect(logits.subarray(5 * V)).toEqual(want.subarray(5 * V));
});

test('an edit is what it was when the call was made', async () => {
  const values = new Float32Array(80).fill(0.5);
  const edit: { at: 'embed'; set: Float32Array; position: number[] }[] = [{ at: 'embed', set: values, position: [1] }];
  const want = await runForward(qwen, ids, { edit: [{ at: 'embed', set: values.slice(), position: [1] }] });
  const running = runForward(qwen, ids, { edit });
  values.fill(9);
  edit[0]!.position[0] = 3;
  edit.length = 0;
  expect(bitsOf((await running).logits)).toBe(bitsOf(want.logits));
});
