// The toy, an architecture that only tests have: GPT-2 in other clothes, so that what knows GPT-2 where it should know any
// model fails on it. This folder is all that there is of it.
import { defineArchitecture } from '../../../src/models/architecture.ts';
import { parseToyConfig, RANDOM_CONFIGS } from './config.ts';
import { lastNorm, layers, scratch } from './layers.ts';
import { files, layerTensors, outerTensors } from './tensors.ts';

/** The architecture of the toy. */
export const toy = defineArchitecture({
  name: 'Toy',
  modelTypes: ['toy'],
  random: { configs: RANDOM_CONFIGS, tokenizer: 'weights/tales' },
  parseConfig: parseToyConfig,
  files,
  outerTensors,
  layerTensors,
  scratch,
  points: ['attn_in', 'q', 'k', 'v', 'pattern', 'z', 'mlp_act', 'attn_out', 'mlp_out', 'resid_post'],
  layers,
  lastNorm,
});
