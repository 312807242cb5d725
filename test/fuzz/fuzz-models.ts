// The models that random schedules run: GPT-2s of two layers with random weights, fixtures of the Llama family, and the bundled
// model.
import { readFileSync } from 'node:fs';
import type { Device } from '../../src/gpu/device.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { parseModel } from '../../src/models/registry.ts';
import { ModelRunner, type ModelRunnerOptions } from '../../src/runtime/model-runner.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { openRunner } from '../support/models/model-session.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';
import { WideCheckpoint } from '../support/models/wide-checkpoint.ts';
import { Draws } from './draws.ts';

/** Longest sequence of any request, over two splits of 256 keys. */
export const LONGEST = 576;
const MAX_BATCH_SIZE = 8;

export interface FuzzModel {
  readonly name: string;
  readonly vocabSize: number;
  readonly blockSize: number;
  /** Texts of `LONGEST` ids; the prompts are their beginnings. */
  texts(): readonly (readonly number[])[];
  /** A runner that returns logits, with blocks for every place in the batch. */
  open(device: Device, kernels?: ModelRunnerOptions['kernels']): Promise<ModelRunner>;
}

interface Storage {
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
  /** Sizes that don't divide a tile of 32 keys, too. */
  readonly blockSize: number;
}

const STORAGES: readonly Storage[] = [
  { dtype: 'f32', kvDtype: 'f32', blockSize: 4 },
  { dtype: 'f16', kvDtype: 'f32', blockSize: 16 },
  { dtype: 'f32', kvDtype: 'f16', blockSize: 5 },
  { dtype: 'f16', kvDtype: 'f16', blockSize: 3 },
  { dtype: 'q8', kvDtype: 'f32', blockSize: 4 },
];

/** Models of two layers with random weights: a step takes hardly longer than its dispatches. */
export const tinyModels: readonly FuzzModel[] = STORAGES.map(tinyModel);

/** All fixtures of the Llama family: heads that share keys, norms of q and k, biases, and a window of 24 keys or of 70. */
export const llamaModels: readonly FuzzModel[] = [
  llamaModel('mistral', { dtype: 'f16', kvDtype: 'f32', blockSize: 4 }),
  llamaModel('mistral', { dtype: 'f32', kvDtype: 'f16', blockSize: 16 }, { sliding_window: 70 }),
  llamaModel('qwen3', { dtype: 'f32', kvDtype: 'f32', blockSize: 5 }),
  llamaModel('llama3', { dtype: 'f16', kvDtype: 'f16', blockSize: 16 }),
  llamaModel('qwen2', { dtype: 'q8', kvDtype: 'f32', blockSize: 4 }),
  llamaModel('smol', { dtype: 'f16', kvDtype: 'f32', blockSize: 16 }),
  llamaModel('llama-bias', { dtype: 'q4', kvDtype: 'f32', blockSize: 16 }),
  llamaModel('yarn', { dtype: 'q4', kvDtype: 'f16', blockSize: 8 }),
  llamaModel('llama-plain', { dtype: 'f32', kvDtype: 'f32', blockSize: 3 }),
];

/** The bundled model. */
export const tales: readonly FuzzModel[] = [
  talesModel({ dtype: 'f16', kvDtype: 'f32', blockSize: 16 }),
  talesModel({ dtype: 'f32', kvDtype: 'f16', blockSize: 8 }),
  talesModel({ dtype: 'q8', kvDtype: 'f32', blockSize: 16 }),
];

function tinyModel({ dtype, kvDtype, blockSize }: Storage): FuzzModel {
  const vocabSize = 97;
  const json = { n_layer: 2, n_head: 2, n_embd: 32, n_inner: 160, vocab_size: vocabSize, n_positions: 1024 };
  const model = parseModel(json, 'tiny');
  return {
    name: `tiny-${dtype}-kv-${kvDtype}`,
    vocabSize,
    blockSize,
    texts: () => [1, 2, 3].map((seed) => new Draws(seed).ids(LONGEST, vocabSize)),
    open: async (device, kernels) => {
      const options = { dtype, kvDtype, blockSize, maxBatchSize: MAX_BATCH_SIZE };
      const sizes = resolveSizes(model.config, options, dtype, device);
      return await ModelRunner.create(device, model, new WideCheckpoint(model, 7), sizes, {
        kernels,
        returnLogits: true,
      });
    },
  };
}

/** A fixture with positions for the longest request, and other keys of its config.json. */
function llamaModel(
  fixture: string,
  { dtype, kvDtype, blockSize }: Storage,
  keys: Readonly<Record<string, unknown>> = {},
): FuzzModel {
  const directory = `test/fixtures/models/${fixture}`;
  const config = JSON.parse(readFileSync(`${directory}/config.json`, 'utf8'));
  const model = parseModel({ ...config, ...keys, max_position_embeddings: 1024 }, fixture);
  const { vocabSize, window } = model.config;
  return {
    name: `${fixture}${window === null ? '' : `-window-${window}`}-${dtype}-kv-${kvDtype}`,
    vocabSize,
    blockSize,
    texts: () => [1, 2, 3].map((seed) => new Draws(seed).ids(LONGEST, vocabSize)),
    open: async (device, kernels) => {
      const options = { dtype, kvDtype, blockSize, maxBatchSize: MAX_BATCH_SIZE };
      const sizes = resolveSizes(model.config, options, dtype, device);
      await using source = await openCheckpoint(directory, model);
      return await ModelRunner.create(device, model, source, sizes, { kernels, returnLogits: true });
    },
  };
}

function talesModel({ dtype, kvDtype, blockSize }: Storage): FuzzModel {
  return {
    name: `tales-${dtype}-kv-${kvDtype}`,
    vocabSize: 8192,
    blockSize,
    texts: () => {
      const text = Array.from(readSafetensors('test/fixtures/tales/golden.safetensors').get('long.ids') ?? []);
      return [0, 50, 110].map((start) => text.slice(start, start + LONGEST));
    },
    open: (device, kernels) => {
      const sizes = { dtype, kvDtype, blockSize, maxBatchSize: MAX_BATCH_SIZE, maxModelLen: 640, maxBatchTokens: 1024 };
      return openRunner(device, 'weights/tales', { ...sizes, ...(kernels && { kernels }) });
    },
  };
}
