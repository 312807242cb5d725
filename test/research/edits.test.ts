// Edits of a forward pass: every kind at every point equals the float64 reference with the same intervention, and generation has
// the bits of a forward pass with the same edits.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import type { PointName } from '../../src/models/points.ts';
import { type ProbeKernels, probeKernels } from '../../src/models/probe-kernels.ts';
import type { DeviceEdit, PointEdit } from '../../src/research/edits.ts';
import type { TextModel } from '../../src/research/text-model.ts';
import '../../src/testing/vitest.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { openText } from '../support/models/open-text.ts';
import {
  bitsOf,
  pointFixture,
  pointTolerance,
  type ReferenceEdit,
  referencePoints,
  runForward as run,
} from '../support/models/point-fixtures.ts';

/** Position that most edits are at. */
const POSITION = 5;

/** x[T, C] *= factor. */
const scaleRows = defineKernel({
  name: 'scale_rows',
  source: /* wgsl */ `
    @group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(32)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&x)) { x[id.x] = x[id.x] * params.factor; }
    }`,
  bindings: { x: write('T', 'C') },
  params: { factor: 'f32' },
  workgroups: ({ T, C }) => [Math.ceil((T * C) / 32), 1, 1],
});

/** x[T, H, D] += bias[D]. */
const addToHeads = defineKernel({
  name: 'add_to_heads',
  source: /* wgsl */ `
    @group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @group(0) @binding(1) var<storage, read> bias: array<f32>;
    @compute @workgroup_size(32)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&x)) { x[id.x] = x[id.x] + bias[id.x % params.D]; }
    }`,
  bindings: { x: write('T', 'H', 'D'), bias: read('D') },
  params: { D: 'u32' },
  workgroups: ({ T, H, D }) => [Math.ceil((T * H * D) / 32), 1, 1],
});

/** Numbers of some size that repeat in no row. */
function wave(length: number, size = 0.5): Float32Array {
  return Float32Array.from({ length }, (_, i) => size * Math.sin(1 + 0.7 * i));
}

/** Position and head of an element: patterns are [H, T, X], other points of heads [T, H, D], the rest [T, C]. */
function placeOf(at: PointName, shape: readonly number[], index: number) {
  const row = Math.floor(index / shape.at(-1)!);
  if (shape.length === 2) return { position: row, head: 0 };
  const [first, second] = [Math.floor(row / shape[1]!), row % shape[1]!];
  return at.endsWith('pattern') ? { position: second, head: first } : { position: first, head: second };
}

/** Changes each element at some places in the oracle: f(value, index in the last dimension, index). */
function at(
  point: PointName,
  f: (value: number, last: number, index: number) => number,
  accepts: (place: { readonly position: number; readonly head: number }) => boolean = () => true,
): { readonly at: PointName; readonly change: ReferenceEdit } {
  return {
    at: point,
    change(values, shape) {
      for (const [i, value] of values.entries()) {
        if (accepts(placeOf(point, shape, i))) values[i] = f(value, i % shape.at(-1)!, i);
      }
    },
  };
}

/** Edits, and the same of the oracle. */
interface EditCase {
  readonly name: string;
  readonly edit: (model: TextModel, device: Device) => Promise<PointEdit[]> | PointEdit[];
  readonly reference: readonly ReturnType<typeof at>[];
}

const qwen = pointFixture('qwen3', 12);
const [C, H, D, T] = [80, 4, 32, 12];
const isAt = (position: number) => (place: { readonly position: number }) => place.position === position;

const KINDS: readonly EditCase[] = [
  {
    name: 'a head is set to 0',
    edit: () => [{ at: 'blocks.1.z', head: 2, set: 0 }],
    reference: [
      at(
        'blocks.1.z',
        () => 0,
        ({ head }) => head === 2,
      ),
    ],
  },
  {
    name: 'two positions are set to a vector',
    edit: () => [{ at: 'blocks.0.resid_post', position: [7, 4], set: wave(C) }],
    reference: [
      at(
        'blocks.0.resid_post',
        (_, c) => wave(C)[c]!,
        ({ position }) => [4, 7].includes(position),
      ),
    ],
  },
  {
    name: 'a tensor of all positions gives one head its values at one position',
    edit: (_, device) => [
      { at: 'blocks.1.z', head: 3, position: POSITION, set: Tensor.from(device, 'patch', wave(T * H * D), [T, H, D]) },
    ],
    reference: [
      at(
        'blocks.1.z',
        (_, __, i) => wave(T * H * D)[i]!,
        (p) => p.head === 3 && p.position === POSITION,
      ),
    ],
  },
  {
    name: 'an array gives all positions their values',
    edit: () => [{ at: 'blocks.1.resid_mid', set: [...wave(T * C)] }],
    reference: [at('blocks.1.resid_mid', (_, __, i) => wave(T * C)[i]!)],
  },
  {
    name: 'heads of a position are set',
    edit: () => [{ at: 'blocks.0.rot_q', position: POSITION, set: wave(H * D) }],
    reference: [at('blocks.0.rot_q', (_, __, i) => wave(H * D)[i % (H * D)]!, isAt(POSITION))],
  },
  {
    name: 'a steering vector is added everywhere',
    edit: () => [{ at: 'blocks.1.resid_pre', add: wave(C, 0.1) }],
    reference: [at('blocks.1.resid_pre', (x, c) => x + wave(C, 0.1)[c]!)],
  },
  {
    name: 'values are scaled by a number and a vector, in their order',
    edit: () => [
      { at: 'blocks.0.v', head: 1, scale: 0.25 },
      { at: 'blocks.0.v', head: 1, add: 1 },
      { at: 'blocks.0.v', scale: wave(D, 2) },
    ],
    reference: [
      at(
        'blocks.0.v',
        (x) => x * 0.25 + 1,
        ({ head }) => head === 1,
      ),
      at('blocks.0.v', (x, d) => x * wave(D, 2)[d]!),
    ],
  },
  {
    name: 'probabilities of a head are halved, those of a row are set',
    edit: () => [
      { at: 'blocks.1.pattern', head: 0, scale: 0.5 },
      { at: 'blocks.1.pattern', head: [1, 2], position: POSITION, set: wave(T) },
    ],
    reference: [
      at(
        'blocks.1.pattern',
        (p) => p * 0.5,
        ({ head }) => head === 0,
      ),
      at(
        'blocks.1.pattern',
        (_, x) => wave(T)[x]!,
        (p) => [1, 2].includes(p.head) && p.position === POSITION,
      ),
    ],
  },
  {
    name: 'a kernel runs over all values, and one over two positions',
    edit: () => [
      { at: 'blocks.0.mlp_act', kernel: scaleRows, scalars: { factor: 0.5 } },
      { at: 'blocks.0.mlp_act', kernel: scaleRows, scalars: { factor: 3 }, position: [2, POSITION] },
    ],
    reference: [
      at('blocks.0.mlp_act', (x) => x * 0.5),
      at(
        'blocks.0.mlp_act',
        (x) => x * 3,
        ({ position }) => position === 2 || position === POSITION,
      ),
    ],
  },
  {
    name: 'a kernel with an operand changes the keys of a head',
    edit: (_, device) => [
      { at: 'blocks.0.rot_k', head: 1, kernel: addToHeads, operands: { bias: Tensor.from(device, 'bias', wave(D)) } },
    ],
    reference: [
      at(
        'blocks.0.rot_k',
        (x, d) => x + wave(D)[d]!,
        ({ head }) => head === 1,
      ),
    ],
  },
  {
    name: 'functions change keys, probabilities and logits',
    edit: () => [
      { at: 'blocks.1.k', head: 0, run: (values) => values.set(values.map((x) => x + 0.5)) },
      { at: 'blocks.1.pattern', position: 9, run: async (values) => void values.fill(0.125) },
      {
        at: 'logits',
        run: (values, shape, { point, firstPosition }) => {
          expect([shape, point, firstPosition]).toEqual([[T, 340], 'logits', 0]);
          values[3] = Number(values[3]) + 1;
        },
      },
    ],
    reference: [
      at(
        'blocks.1.k',
        (x) => x + 0.5,
        ({ head }) => head === 0,
      ),
      at('blocks.1.pattern', () => 0.125, isAt(9)),
      at('logits', (x, _, i) => (i === 3 ? x + 1 : x)),
    ],
  },
  {
    name: 'the last norm and the embedding change',
    edit: () => [
      { at: 'final_norm', position: POSITION, add: wave(C) },
      { at: 'embed', position: 0, scale: 2 },
    ],
    reference: [at('final_norm', (x, c) => x + wave(C)[c]!, isAt(POSITION)), at('embed', (x) => x * 2, isAt(0))],
  },
];

describe.each(['software', 'gpu'] as const)('in the reduction class %s', (reduction) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  for (const fixture of [pointFixture('plain', 12), qwen, pointFixture('mistral', 40)]) {
    // Edits know nothing of classes: the one whose programs compile for longer has a model in npm test.
    const tags = fixture !== qwen && reduction === 'gpu' ? ['slow'] : [];
    const title = `a change at any point of ${fixture.name} is that of the reference, and none before its position`;
    test(title, { tags }, async () => {
      using model = await openText(device, fixture.directory);
      const { ids } = fixture;
      const { logits: plain } = await run(model, ids);
      const V = model.config.vocabSize;
      for (const point of model.points.filter((name) => !name.startsWith('blocks.1.'))) {
        const shape = (await run(model, ids, { taps: [point] })).taps.get(point)!.shape;
        const place = shape.length === 3 ? { position: POSITION, head: 0 } : { position: POSITION };
        const values = wave(shape.at(-1)!);
        const edit: PointEdit[] = [{ at: point, ...place, add: values }];
        const { logits, taps } = await run(model, ids, { edit, taps: [point] });
        const isEdited = (p: { readonly position: number; readonly head: number }) =>
          p.position === POSITION && (shape.length === 2 || p.head === 0);
        const want = referencePoints(fixture, [at(point, (x, i) => x + values[i]!, isEdited)]);
        expect(taps.get(point)!.values).toBeWithin(want.get(point)!.values, pointTolerance(want.get(point)!.values), {
          label: point,
        });
        const all = want.get('logits')!.values;
        expect(logits).toBeWithin(all, pointTolerance(all), { label: `logits after ${point}` });
        expect(logits.subarray(0, POSITION * V), point).toEqual(plain.subarray(0, POSITION * V));
        expect(bitsOf(logits.subarray(POSITION * V)), point).not.toBe(bitsOf(plain.subarray(POSITION * V)));
      }
    });
  }

  test.each(KINDS)('$name, as in the reference', async ({ edit, reference }) => {
    using model = await openText(device, qwen.directory);
    await expectEdits(model, device, { edit, reference });
  });

  test('generation has the bits of a forward pass with the same edits', async () => {
    using model = await openText(device, qwen.directory);
    const prompt = qwen.ids.slice(0, 8);
    for (const { name, edit: editsOf } of KINDS) {
      const edits = await editsOf(model, device);
      // Values for each position are of a text that is as long; functions run in no generation.
      const edit = edits.filter((one): one is DeviceEdit => !('run' in one) && fitsGeneration(one));
      const rows: Float32Array[] = [];
      const choose = (logits: Float32Array) => rows.push(logits) * 7;
      const ids = [...prompt, ...(await model.generate(prompt, { maxTokens: 4, choose, edit }))];
      const { logits } = await run(model, ids.slice(0, -1), { edit });
      const V = model.config.vocabSize;
      for (const [i, row] of rows.entries()) {
        const first = (prompt.length - 1 + i) * V;
        expect(bitsOf(row), `${name}: token ${i}`).toBe(bitsOf(logits.subarray(first, first + V)));
      }
      if (edit.length > 0) expect(bitsOf(logits), name).not.toBe(bitsOf((await run(model, ids.slice(0, -1))).logits));
    }
  });

  test('texts go on after a prefix that was cached with edits, and are edited by their own positions', async () => {
    using model = await openText(device, qwen.directory);
    const edit: DeviceEdit[] = [
      { at: 'blocks.0.k', position: [1, 6], add: 1 },
      { at: 'blocks.1.v', scale: 0.5 },
      { at: 'blocks.1.resid_post', position: 8, set: wave(T * C) },
      { at: 'blocks.2.pattern', position: 9, set: wave(T) },
    ];
    const taps: PointName[] = ['blocks.2.pattern'];
    const whole = await run(model, qwen.ids, { edit, taps });
    const [first, rest] = [edit.slice(0, 2), edit.slice(1)];
    using cache = await model.prefill(qwen.ids.slice(0, 7), { edit: first.map((one) => within(one, [0, 7])) });
    const after = await run(model, qwen.ids.slice(7), { cache, edit: rest, taps });
    const V = model.config.vocabSize;
    expect(bitsOf(after.logits)).toBe(bitsOf(whole.logits.subarray(7 * V)));
    expect(after.taps.get('blocks.2.pattern')!.shape).toEqual([H, 5, T]);
    await expect(model.forward(qwen.ids.slice(7), { cache, edit: first })).rejects.toThrow(
      'edit[0].position[0] is 1, expected an integer in [7, 11]',
    );
  });
});

/** Drops positions beyond a range. */
function within(edit: DeviceEdit, [first, end]: readonly [number, number]): DeviceEdit {
  const { position } = edit;
  if (!Array.isArray(position)) return edit;
  return { ...edit, position: position.filter((p) => p >= first && p < end) };
}

/** Tells whether an edit's values do not depend on the length of the text. */
function fitsGeneration(edit: PointEdit): boolean {
  if (edit.at.endsWith('pattern')) return 'scale' in edit;
  return edit.position !== undefined || !('set' in edit) || edit.set === 0;
}

async function expectEdits(
  model: TextModel,
  device: Device,
  { edit, reference }: Pick<EditCase, 'edit' | 'reference'>,
) {
  const edits = await edit(model, device);
  const taps = [...new Set(edits.map((one) => one.at))];
  const got = await run(model, qwen.ids, { edit: edits, taps });
  const want = referencePoints(qwen, reference);
  for (const point of taps) {
    expect(got.taps.get(point)!.values).toBeWithin(want.get(point)!.values, pointTolerance(want.get(point)!.values), {
      label: point,
    });
  }
  const logits = want.get('logits')!.values;
  expect(got.logits).toBeWithin(logits, pointTolerance(logits), { label: 'logits' });
}

describe('the checks above find', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  test.each<[string, Partial<ProbeKernels>]>([
    [
      'values of another row',
      { editRows: mutant(probeKernels.editRows, [['values[u32(sources[r])', 'values[u32(rows[r])']]) },
    ],
    [
      'a change of another row',
      { editRows: mutant(probeKernels.editRows, [['u32(rows[r]) * params.C', 'r * params.C']]) },
    ],
    ['a sum for a product', { editRows: mutant(probeKernels.editRows, [['x[at] * value', 'x[at] + value']]) }],
    [
      'changed probabilities that nobody uses',
      {
        attentionEdited: mutant(probeKernels.attentionEdited, [['atomicAdd(&changes, 1u)', 'atomicAdd(&changes, 0u)']]),
      },
    ],
    [
      'values of another head',
      { attentionEdited: mutant(probeKernels.attentionEdited, [['head / (params.H / params.G)', 'head % params.G']]) },
    ],
    ['keys for values', { attentionEdited: mutant(probeKernels.attentionEdited, [['block * 2u + 1u', 'block * 2u']]) }],
  ])('%s', async (_, planted) => {
    using model = await openText(device, qwen.directory, { probeKernels: { ...probeKernels, ...planted } });
    await expect(
      (async () => {
        for (const kind of KINDS) await expectEdits(model, device, kind);
      })(),
    ).rejects.toThrow();
  });
});
