// Work of decode steps: which kernels have a price, how often a step runs them, and in which variant.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listDecodeWork, tuningOf } from '../../../bench/invariance/decode-work.ts';
import { Device } from '../../../src/gpu/device.ts';
import { modelKernels } from '../../../src/models/kernels.ts';
import { parseModel } from '../../../src/models/registry.ts';
import { Tuning } from '../../../src/tuning/tuning.ts';

const CONFIG = { model_type: 'gpt2', n_layer: 3, n_head: 3, n_embd: 48, vocab_size: 331, n_positions: 600 };

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const timed = (on: Device = device) => {
  return {
    device: on,
    kernels: modelKernels,
    model: parseModel(CONFIG, 'small'),
    storage: 'f16',
    kvDtype: 'f32',
  } as const;
};

test.each([undefined, 'null'])(
  'is that of the model’s own dispatches, at each batch and context, on backend %s',
  async (backend) => {
    // On a GPU, as which the backend null counts, a model takes norms into matmuls; the controls don't.
    using on = await Device.open({ backend });
    const works = listDecodeWork(timed(on), new Tuning(on.traits));
    const ofBatch = (batch: number) =>
      works
        .filter(({ M }) => M === batch)
        .map(({ kernel, name, perStep }) => [`${kernel} ${name}`, Object.fromEntries(perStep)]);
    const both = (runs: number) => ({ 64: runs, 600: runs });
    for (const M of [1, 8, 32]) {
      expect(Object.fromEntries(ofBatch(M)), `M ${M}`).toEqual({
        'matmul qkv 48 × 144': both(3),
        'matmul projection 48 × 48': both(3),
        'matmul MLP 48 × 192': both(3),
        'matmul MLP projection 192 × 48': both(3),
        'matmul LM head 48 × 331': both(1),
        'attention 64 keys': { 64: 3 },
        'attention 600 keys': { 600: 3 },
        'layernorm rows of 48': both(7),
      });
    }
    expect(new Set(works.map(({ M }) => M))).toEqual(new Set([1, 8, 32]));
  },
);

test('runs the variant that was chosen for its sizes', async () => {
  const own = await tuningOf(timed());
  const tuned = own.with([{ kernel: 'matmul', sizes: { M: 8, K: 48, N: 192 }, choice: { constants: { ROWS: 2 } } }]);
  const label = async (tuning: Tuning) => {
    const found = listDecodeWork(timed(), tuning).find(({ name, M }) => name.startsWith('MLP 48') && M === 8);
    using owned = new DisposableStack();
    return (await found!.prepare(device, owned)).ours.name;
  };
  expect(await label(own)).toContain('ROWS=8');
  expect(await label(tuned)).toContain('ROWS=2');
});
