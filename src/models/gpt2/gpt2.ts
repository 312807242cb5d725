// GPT-2 as an architecture: its configuration, tensors and layers in one value.
import { defineArchitecture } from '../architecture.ts';
import { BLOCK_POINTS } from '../points.ts';
import { parseGPT2Config, RANDOM_CONFIGS } from './config.ts';
import { lastNorm, layers, scratch } from './layers.ts';
import { files, layerTensors, outerTensors } from './tensors.ts';

/** The architecture of GPT-2. */
export const gpt2 = defineArchitecture({
  name: 'GPT-2',
  modelTypes: ['gpt2'],
  random: { configs: RANDOM_CONFIGS, tokenizer: 'weights/gpt2' },
  parseConfig: parseGPT2Config,
  files,
  outerTensors,
  layerTensors,
  scratch,
  points: BLOCK_POINTS.filter((point) => point !== 'rot_q' && point !== 'rot_k'),
  layers,
  lastNorm,
});
