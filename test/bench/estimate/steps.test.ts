// Estimates of whole steps: sums by hand, and GPT-2 in every storage, none of whose dispatches may be missing in the table.
import { describe, expect, test } from 'vitest';
import { LAUNCH_GAP } from '../../../bench/estimate/dispatch-time.ts';
import { GPUS } from '../../../bench/estimate/gpus.ts';
import { readMemory } from '../../../bench/estimate/memory-file.ts';
import { formatEstimate } from '../../../bench/estimate/report.ts';
import { estimatedSteps, estimateStep, estimateSteps } from '../../../bench/estimate/steps.ts';
import { KV_DTYPES } from '../../../src/kernels/kv-write/kv-write.ts';
import { WEIGHT_DTYPES } from '../../../src/kernels/weights/weight-tiles.ts';
import { readModelShape } from '../../../src/terminal/model-shape.ts';

const GPU = GPUS['rx-7900-xtx'];
const { shaders, driver } = readMemory();

test('steps are those that the positions of a model hold', () => {
  const decode = (sequences: number, context: number) => ({ sequences, queries: 1, context });
  const short = [decode(1, 64), decode(8, 64)];
  expect(estimatedSteps(1024)).toEqual([
    ...short,
    decode(1, 1000),
    decode(8, 1000),
    { sequences: 1, queries: 512, context: 512 },
  ]);
  expect(estimatedSteps(256)).toEqual([...short, { sequences: 1, queries: 256, context: 256 }]);
});

test('a step is the sum of its dispatches, and those alike are one row', () => {
  // A GPU of 1,000 B/ns on which a wait takes 1,000 ns, and 500 ns on L2.
  const gpu = { ...GPU, gigabytes: 1000, gigahertz: 1, cycles: { memory: 1000, l2: 500 } };
  const cost = { bytes: 2000, flops: 0 };
  const embed = { label: 'embed', kernel: 'embed', use: null, workgroups: 1000, lanes: 64, sizes: {}, cost };
  const gather = { ...embed, label: 'gather_rows', kernel: 'gather_rows' };
  const memory = { outside: { waits: 3, inFlight: 8, words: 96 }, loops: [] };
  const tokens = { sequences: 2, queries: 1, context: 64 };
  const step = estimateStep(gpu, tokens, [embed, embed, gather], new Map([['embed', memory]]));
  expect(step.launches.map(({ label, count, waits }) => [label, count, waits])).toEqual([
    ['embed', 2, 3],
    ['gather_rows', 1, null],
  ]);
  const time = 2 * 3000 + 2 + 3 * LAUNCH_GAP;
  const onL2 = 2 * 1500 + 2 + 3 * LAUNCH_GAP;
  expect(step).toMatchObject({ dispatches: 3, waits: 6, unknownWaits: 1, bytes: 6000, time });
  expect(step.speed).toBeCloseTo(2e9 / time, 6);
  expect(step.speedOfL2).toBeCloseTo(2e9 / onL2, 6);
  expect(step.roofline).toBeCloseTo(6 / time, 12);
});

describe('the table of shaders', () => {
  const storages = WEIGHT_DTYPES.flatMap((dtype) => KV_DTYPES.map((kvDtype) => ({ dtype, kvDtype })));

  test.each(storages)('has every shader that GPT-2 takes with $dtype and KV $kvDtype', async (storage) => {
    const shape = await readModelShape('random:gpt2', storage);
    const steps = await estimateSteps(shape, GPU, shaders);
    const unknown = steps.flatMap(({ launches }) => launches.filter(({ waits }) => waits === null));
    expect(unknown.map(({ label }) => label)).toEqual([]);
    expect(steps.every(({ dispatches, waits }) => dispatches > 50 && waits > dispatches)).toBe(true);
  });

  test('without one of them leaves the waits of its dispatches out, and the report says so', async () => {
    const shape = await readModelShape('random:gpt2', {});
    const missing = new Map([...shaders].filter(([label]) => !label.includes('GELU_NEW')));
    const steps = await estimateSteps(shape, GPUS['h100-sxm'], missing);
    expect(steps.map(({ unknownWaits }) => unknownWaits)).toEqual(steps.map(() => 12));
    const text = formatEstimate(GPUS['h100-sxm'], { subject: 'GPT-2', driver }, steps);
    expect(text.match(/, without the waits of 12 dispatches, which are not known$/gm)?.length).toBe(steps.length);
  });
});
