// The process that compiles: every shader that GPT-2 124M can take on this process's adapter, one after another, so that
// what the driver prints of each follows its mark. No weights are made, for compiling reads shapes alone.
import { writeSync } from 'node:fs';
import { launchesOf } from '../../bench/estimate/launches.ts';
import { Device } from '../../src/gpu/device.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { untunedParts } from '../../src/runtime/model-work.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { stepShapes } from '../../src/runtime/step-shape.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import {
  type CompilerMessage,
  DECODE_SIZES,
  type LaunchedStep,
  type ModelLaunches,
  type TakenShader,
} from './launches.ts';
import { MARK } from './shader-dump.ts';

const MODEL = 'random:gpt2';
/** Storage of weights and of keys. */
type Storage = readonly [WeightDType, KVDType];
/** Storage of the steps that are counted. */
const STEP_STORAGE: Storage = ['f16', 'f32'];
/** Everything that a model may be stored in. */
const STORAGE: readonly Storage[] = [
  STEP_STORAGE,
  ['f16', 'f16'],
  ['f32', 'f32'],
  ['f32', 'f16'],
  ['q8', 'f32'],
  ['q8', 'f16'],
];
const STDERR = 2;

async function describeModel(device: Device, [dtype, kvDtype]: Storage) {
  const { model } = await readModelShape(MODEL);
  const sizes = resolveSizes(model.config, { dtype, kvDtype }, dtype, device);
  return { sizes, parts: untunedParts(device, model, sizes) };
}

/** Compiles what the model takes with some storage, except what is compiled already. */
async function compileModel(device: Device, storage: Storage, taken: Map<string, TakenShader>) {
  const { sizes, parts } = await describeModel(device, storage);
  const dispatches = listDispatches(device.traits, parts, stepShapes(sizes));
  for (const { kernel, variant, choice, use } of dispatches) {
    const label = labelOf(kernel.name, variant);
    const known = taken.get(label);
    if (known === undefined) {
      writeSync(STDERR, `\n${MARK}${label}\n`);
      await kernel.build(device, choice);
    }
    const uses = [...(known?.uses ?? []), ...(use === null ? [] : [use])];
    taken.set(label, { label, kernel: kernel.name, uses: [...new Set(uses)] });
  }
}

async function compileAll(family: string): Promise<ModelLaunches> {
  using device = await Device.open();
  const { name: adapter, driver } = device.identity;
  if (!adapter.includes(family.toUpperCase())) throw new RangeValueError('adapter', adapter, `a GPU of ${family}`);
  const taken = new Map<string, TakenShader>();
  for (const storage of STORAGE) await compileModel(device, storage, taken);
  const { parts, sizes } = await describeModel(device, STEP_STORAGE);
  const steps: LaunchedStep[] = [];
  for (const { batch, context } of DECODE_SIZES) {
    const tokens = { sequences: batch, queries: 1, context };
    steps.push({ batch, context, launches: await launchesOf(device.traits, parts, sizes, tokens) });
  }
  return { adapter, driver, shaders: [...taken.values()], steps };
}

const [, , family = 'no family'] = process.argv;
const message: CompilerMessage = await compileAll(family).catch((error) => ({ error: String(error) }));
process.send?.(message);
