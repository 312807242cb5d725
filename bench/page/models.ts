// Models whose kernels are examined: the bundled one, and a small one of the Llama family. Their shapes are all that is needed,
// so that a page loads no weights.

import type { ReductionClass } from '../../src/gpu/reduction.ts';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import type { ModelDefinition } from '../../src/models/architecture.ts';
import { gpt2 } from '../../src/models/gpt2/gpt2.ts';
import { llama } from '../../src/models/llama/llama.ts';
import tales from '../../weights/tales/config.json' with { type: 'json' };

/** A model to examine, in one storage and class. */
export interface ExaminedModel {
  readonly name: string;
  readonly model: ModelDefinition;
  readonly dtype: WeightDType;
  readonly kvDtype: KVDType;
  readonly reduction: ReductionClass;
}

/** Grouped heads with norms of their own, and a window: every kernel of the family. */
const QWEN3 = {
  model_type: 'qwen3',
  vocab_size: 340,
  hidden_size: 96,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  hidden_act: 'silu',
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: true,
};

/** Returns the models, together in both reduction classes. */
export function examinedModels(): readonly ExaminedModel[] {
  const named = { ...QWEN3, model_type: 'llama' };
  return [
    { name: 'tales (GPT-2)', model: gpt2.define(tales, 'tales'), dtype: 'f16', kvDtype: 'f32', reduction: 'software' },
    { name: 'a small Llama', model: llama.define(named, 'llama'), dtype: 'q8', kvDtype: 'f16', reduction: 'gpu' },
    { name: 'a small Qwen3', model: llama.define(QWEN3, 'qwen3'), dtype: 'q4', kvDtype: 'f32', reduction: 'software' },
  ];
}
