// The number of dispatches a layer takes, written down: a fusion that is lost shows here, not only in a timing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { readModel } from '../../src/models/registry.ts';
import type { StepShape, StepSink } from '../../src/models/step.ts';
import { forward } from '../../src/runtime/forward.ts';
import { closeParts, createParts } from '../../src/runtime/model-parts.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { fakeProbes } from '../support/models/fake-probes.ts';
import { DECODE_STEP, MIXED_STEP } from '../support/models/step-shapes.ts';

const LAYER = ['layernorm', 'matmul_kv_write', 'attention', 'matmul', 'layernorm', 'matmul', 'matmul'];

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** Kernels of the second layer of a fixture model, in their order. */
async function layerOf(name: string, shape: StepShape, kvDtype: KVDType = 'f32'): Promise<string[]> {
  const directory = `test/fixtures/models/${name}`;
  const model = await readModel(directory);
  await using source = await openCheckpoint(directory, model);
  const options = { kvDtype, maxBatchSize: 2, maxBatchTokens: 8, maxModelLen: 8 };
  const sizes = resolveSizes(model.config, options, source, device);
  const parts = await createParts(device, model, source, sizes);
  const layers: string[][] = [[]];
  const sink: StepSink = {
    add: ({ name }) => layers.at(-1)!.push(name),
    probes: fakeProbes({ has: (point) => point.endsWith('.resid_post'), visit: () => layers.push([]) }),
  };
  forward(sink, parts, shape);
  closeParts(parts);
  return layers[1]!;
}

test('a layer takes seven dispatches in a decode step up to 256 tokens, and eight beyond', async () => {
  expect(await layerOf('plain', DECODE_STEP)).toEqual(LAYER);
  expect(await layerOf('plain', { ...DECODE_STEP, numDecodeSplits: 2 })).toEqual(
    LAYER.flatMap((name) => (name === 'attention' ? ['attention_split', 'attention_fold'] : name)),
  );
});

test('and eight where prompts and decoding sequences share a step', async () => {
  expect(await layerOf('plain', MIXED_STEP)).toEqual(LAYER.toSpliced(2, 0, 'attention'));
});

test('heads that do not fill the rows of the cache take one more', async () => {
  const written = LAYER.flatMap((name) => (name === 'matmul_kv_write' ? ['matmul', 'kv_write'] : name));
  expect(await layerOf('odd', DECODE_STEP, 'f16')).toEqual(written);
});
