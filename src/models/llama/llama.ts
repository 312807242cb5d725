// The Llama family as an architecture: its configuration, tensors and layers in one value. Llama, Mistral, Qwen2 and Qwen3 differ
// by their configurations alone.
import { defineArchitecture } from '../architecture.ts';
import { BLOCK_POINTS } from '../points.ts';
import { LLAMA_MODEL_TYPES, parseLlamaConfig } from './config.ts';
import { gguf } from './gguf.ts';
import { lastNorm, layers, scratch } from './layers.ts';
import { RANDOM_CONFIGS } from './random-configs.ts';
import { ROPE_TABLE, ropeTable } from './rope-table.ts';
import { files, layerTensors, outerTensors } from './tensors.ts';

/** The architecture of the Llama family. */
export const llama = defineArchitecture({
  name: 'Llama',
  modelTypes: LLAMA_MODEL_TYPES,
  random: { configs: RANDOM_CONFIGS, tokenizer: 'weights/tales' },
  parseConfig: parseLlamaConfig,
  gguf,
  files,
  outerTensors,
  layerTensors,
  positionTables: (config) => [
    { name: ROPE_TABLE, columns: config.headDim, compute: (numPositions) => ropeTable(config, numPositions) },
  ],
  scratch,
  points: BLOCK_POINTS,
  layers,
  lastNorm,
});
