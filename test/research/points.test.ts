// Points of a forward pass: reading them changes no bit, and their values are those of the float64 reference, in both
// reduction classes and for every family.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { PointName } from '../../src/models/points.ts';
import { type ProbeKernels, probeKernels } from '../../src/models/probe-kernels.ts';
import type { PointEdit } from '../../src/research/edits.ts';
import type { TextModel } from '../../src/research/text-model.ts';
import '../../src/testing/vitest.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { logitsOfAll, openRunner } from '../support/models/model-session.ts';
import { openText } from '../support/models/open-text.ts';
import {
  bitsOf,
  type PointFixture,
  pointFixture,
  pointTolerance,
  referencePoints,
  runForward as run,
} from '../support/models/point-fixtures.ts';

/** GPT-2; a head dim that fills no row of the cache in f16; shared heads; their norms; a window, and more than a split of keys. */
const FIXTURES = [
  pointFixture('plain', 21),
  pointFixture('odd', 19),
  pointFixture('llama-plain', 20),
  pointFixture('qwen3', 20),
  pointFixture('mistral', 270),
];

/** Expects the values of every point of a model to be those of the reference. */
async function expectPoints(model: TextModel, fixture: PointFixture): Promise<void> {
  const { taps } = await run(model, fixture.ids, { taps: model.points });
  const want = referencePoints(fixture);
  expect([...taps.keys()]).toEqual(model.points);
  expect([...want.keys()].sort()).toEqual(model.points.toSorted());
  for (const [point, { values, shape }] of want) {
    expect(taps.get(point as PointName)!.shape, point).toEqual(shape);
    expect(taps.get(point as PointName)!.values).toBeWithin(values, pointTolerance(values), { label: point });
  }
}

describe.each(['software', 'gpu'] as const)('in the reduction class %s', (reduction) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  /** Those of npm test: points are the same in either class, whose kernels of such models other tests have. */
  const quick = FIXTURES.filter(({ name }) => reduction === 'software' || name === 'qwen3');
  const slow = { tags: ['slow'] };
  const others = FIXTURES.filter((fixture) => !quick.includes(fixture));

  const titleOfValues = '$name has the values of the reference at every point';
  test.each(quick)(titleOfValues, expectValues);
  test.each(others)(titleOfValues, slow, expectValues);

  async function expectValues(fixture: PointFixture): Promise<void> {
    using model = await openText(device, fixture.directory);
    await expectPoints(model, fixture);
  }

  const titleOfBits = '$name has the bits of the engine, whatever is read';
  test.each(quick)(titleOfBits, expectBits);
  test.each(others)(titleOfBits, slow, expectBits);

  async function expectBits(fixture: PointFixture): Promise<void> {
    const { ids, directory } = fixture;
    await using runner = await openRunner(device, directory, { maxBatchSize: 1, maxLogitsRows: ids.length });
    const want = bitsOf(await logitsOfAll(runner, ids));
    using model = await openText(device, directory);
    expect(bitsOf((await run(model, ids)).logits)).toBe(want);
    const all = await run(model, ids, { taps: model.points });
    expect(bitsOf(all.logits)).toBe(want);
    for (const point of model.points.filter((name) => !name.startsWith('blocks.1.'))) {
      const { logits, taps } = await run(model, ids, { taps: [point] });
      expect(bitsOf(logits), point).toBe(want);
      expect(bitsOf(taps.get(point)!.values), point).toBe(bitsOf(all.taps.get(point)!.values));
    }
  }

  const titleOfEdits = '$name keeps its bits where an edit leaves all values as they are';
  // Keys and values are in f16, in which no other test here has most of these models: their programs are compiled for it alone.
  const edited = quick.filter(({ name }) => name === 'plain' || name === 'qwen3');
  test.each(edited)(titleOfEdits, expectBitsEdited);
  test.each(FIXTURES.filter((fixture) => !edited.includes(fixture)))(titleOfEdits, slow, expectBitsEdited);

  async function expectBitsEdited(fixture: PointFixture): Promise<void> {
    const { ids, directory } = fixture;
    using model = await openText(device, directory, { kvDtype: 'f16' });
    const want = bitsOf((await run(model, ids)).logits);
    const once: PointEdit[] = model.points.map((at) => ({ at, scale: 1 }));
    expect(bitsOf((await run(model, ids, { edit: once })).logits)).toBe(want);
    const read: PointEdit[] = model.points.slice(0, 18).map((at) => ({ at, position: [3, 9], run: () => {} }));
    expect(bitsOf((await run(model, ids, { edit: read })).logits)).toBe(want);
  }

  const ofSplits = { tags: reduction === 'software' ? [] : ['slow'] };
  test('probabilities over several splits of keys are those of the reference', ofSplits, async () => {
    const fixture = pointFixture('llama3', 270);
    using model = await openText(device, fixture.directory);
    const taps: PointName[] = ['blocks.0.pattern', 'blocks.1.pattern'];
    const { taps: got, logits } = await run(model, fixture.ids, { taps });
    expect(bitsOf(logits)).toBe(bitsOf((await run(model, fixture.ids)).logits));
    const want = referencePoints(fixture);
    for (const point of taps)
      expect(got.get(point)!.values).toBeWithin(want.get(point)!.values, { abs: 1e-5 }, { label: point });
  });
});

test('probabilities of keys that are stored in f16 are those of a reference that rounds them so', async () => {
  using device = await Device.open();
  const fixture = pointFixture('qwen3', 20, 'f16');
  using model = await openText(device, fixture.directory, { kvDtype: 'f16' });
  const { taps } = await run(model, fixture.ids, { taps: ['blocks.0.pattern'] });
  // A key whose f32 lies at a boundary rounds to the other neighbour, 2^-11 of it away: some scores err by as much.
  const want = referencePoints(fixture).get('blocks.0.pattern')!;
  expect(taps.get('blocks.0.pattern')!.values).toBeWithin(want.values, { abs: 2 ** -11 }, { label: 'pattern' });
});

describe('the checks above find', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  test.each<[string, Partial<ProbeKernels>]>([
    ['a copy from the wrong column', { copyColumns: mutant(probeKernels.copyColumns, [['+ params.first +', '+']]) }],
    [
      'a key too many in the window',
      {
        attentionPattern: mutant(probeKernels.attentionPattern, [
          ['seen - min(seen, params.window)', 'seen - min(seen, params.window + 1u)'],
        ]),
      },
    ],
    [
      'a future key',
      {
        attentionPattern: mutant(probeKernels.attentionPattern, [['u32(positions[t]) + 1u', 'u32(positions[t]) + 2u']]),
      },
    ],
    [
      'the head of keys of another query head',
      {
        attentionPattern: mutant(probeKernels.attentionPattern, [['head / (params.H / params.G)', 'head % params.G']]),
      },
    ],
    [
      'a sum of what attention adds that goes astray',
      { editRows: mutant(probeKernels.editRows, [['x[at] = x[at] + value', 'x[at] = x[at] + value * 1.001']]) },
    ],
  ])('%s', async (_, planted) => {
    // Shared heads are in the one, a window in the other.
    const failures: unknown[] = [];
    for (const fixture of [pointFixture('qwen3', 12), pointFixture('mistral', 40)]) {
      using model = await openText(device, fixture.directory, { probeKernels: { ...probeKernels, ...planted } });
      await expectPoints(model, fixture).catch((error: unknown) => failures.push(error));
    }
    expect(failures.length).toBeGreaterThan(0);
  });
});
