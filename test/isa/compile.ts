// The process that compiles: every shader that GPT-2 124M and SmolLM2 135M can take on this process's adapter, one after another,
// so that what the driver prints of each follows its mark. No weights are made, for compiling reads shapes alone.
import { writeSync } from 'node:fs';
import { launchesOf } from '../../bench/estimate/launches.ts';
import { Device } from '../../src/gpu/device.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import { attention, attentionSplit } from '../../src/kernels/attention/attention.ts';
import { PREFILL_TILE_TOKENS } from '../../src/kernels/attention/query-tiles.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { untunedParts } from '../../src/runtime/model-work.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { stepShapes } from '../../src/runtime/step-shape.ts';
import { readModelShape } from '../../src/terminal/model-shape.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
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
  ['q8_32', 'f32'],
  ['q8_32', 'f16'],
  ['q4', 'f32'],
  ['q4', 'f16'],
];
/** Model of the Llama family: RMS norms, rotary positions, gated MLPs and heads that share keys. */
const LLAMA = 'random:smollm2-135m';
/** Storage of the weights of files in f16 and in four bits. */
const LLAMA_STORAGE: readonly Storage[] = [
  ['f16', 'f32'],
  ['q4', 'f32'],
];
/** Heads of other models. */
const HEADS = [
  { D: 64, SHARE: 3 },
  { D: 128, SHARE: 8 },
  { D: 256, SHARE: 1 },
  { D: 256, SHARE: 8 },
] as const;
/** Dispatches of attention, by the tokens of their tiles. */
const ATTENTION: readonly { readonly kernel: Kernel; readonly tileTokens: number }[] = [
  { kernel: attention, tileTokens: 1 },
  { kernel: attentionSplit, tileTokens: 1 },
  { kernel: attention, tileTokens: PREFILL_TILE_TOKENS },
];
const STDERR = 2;

async function describeModel(device: Device, name: string, [dtype, kvDtype]: Storage) {
  const { model } = await readModelShape(name);
  const sizes = resolveSizes(model.config, { dtype, kvDtype }, dtype, device);
  return { sizes, parts: untunedParts(device, model, sizes) };
}

/** Compiles what the model takes with some storage, except what is compiled already. */
async function compileModel(device: Device, name: string, storage: Storage, taken: Map<string, TakenShader>) {
  const { sizes, parts } = await describeModel(device, name, storage);
  const dispatches = listDispatches(device.traits, parts, stepShapes(sizes));
  for (const { kernel, variant, choice, use } of dispatches) {
    const label = labelOf(kernel.name, variant);
    const known = taken.get(label);
    if (known === undefined) {
      writeSync(STDERR, `\n${MARK}${label}\n`);
      await kernel.build(device, choice);
    }
    const uses = [...(known?.uses ?? []), ...(use === null ? [] : [use])];
    taken.set(label, { label, kernel: known?.kernel ?? kernel.name, uses: [...new Set(uses)] });
  }
}

/**
 * Compiles the attention of models whose heads are others than GPT-2's, with the choices that they take: heads of keys that several
 * query heads share, and the widest heads.
 */
async function compileHeads(device: Device, taken: Map<string, TakenShader>) {
  const tuning = new Tuning(device.traits);
  for (const { D, SHARE } of HEADS) {
    for (const KV_F16 of [false, true]) {
      for (const { kernel, tileTokens } of ATTENTION) {
        const { constants } = tuning.choose(kernel.name, { G: 1, SHARE, tileTokens });
        const choice = { conditions: { KV_F16 }, constants: { ...constants, D, SHARE } };
        const label = labelOf(kernel.name, kernel.variant(device.traits, choice));
        // Decode rows and prompts may take the same.
        if (taken.has(label)) continue;
        writeSync(STDERR, `\n${MARK}${label}\n`);
        await kernel.build(device, choice);
        // Their limits stand apart from GPT-2's.
        taken.set(label, { label, kernel: `${kernel.name}, wide`, uses: [`${SHARE} heads of ${D}`] });
      }
    }
  }
}

async function compileAll(family: string): Promise<ModelLaunches> {
  using device = await Device.open();
  const { name: adapter, driver } = device.identity;
  if (!adapter.includes(family.toUpperCase())) throw new RangeValueError('adapter', adapter, `a GPU of ${family}`);
  const taken = new Map<string, TakenShader>();
  for (const storage of STORAGE) await compileModel(device, MODEL, storage, taken);
  await compileHeads(device, taken);
  for (const storage of LLAMA_STORAGE) await compileModel(device, LLAMA, storage, taken);
  const { parts, sizes } = await describeModel(device, MODEL, STEP_STORAGE);
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
