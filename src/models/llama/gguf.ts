// GGUF files of the Llama family as llama.cpp writes them: the names of their tensors, and the order of their rows.
import type { GGUFLayout, GGUFReader } from '../architecture.ts';
import type { LlamaConfig } from './config.ts';
import { GGUF_ARCHITECTURES, readGGUFConfig } from './gguf-config.ts';

/** Names outside the layers. */
const OUTER_NAMES: ReadonlyMap<string, string> = new Map([
  ['embed_tokens.weight', 'token_embd.weight'],
  ['norm.weight', 'output_norm.weight'],
  ['lm_head.weight', 'output.weight'],
]);

/** Names of the modules of a layer. */
const MODULE_NAMES: ReadonlyMap<string, string> = new Map([
  ['input_layernorm', 'attn_norm'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
]);

const LAYER_NAME = /^layers\.(?<layer>\d+)\.(?<module>.+)\.(?<kind>weight|bias)$/;
/** Divisors of the rotary frequencies. */
const ROPE_FREQS = 'rope_freqs.weight';
/**
 * Files of this architecture are for a rotation of neighbouring rows: of each head of q and k, row 2i is row i of its first half, row 2i + 1
 * row i of the second.
 */
const INTERLEAVED_ARCHITECTURE = 'llama';
const INTERLEAVED_TENSOR = /\.self_attn\.[qk]_proj\.(weight|bias)$/;

/** Reader of GGUF files of the family. */
export const gguf: GGUFReader<{ readonly config: LlamaConfig }> = {
  architectures: GGUF_ARCHITECTURES,
  async read(files, architecture) {
    const config = await readGGUFConfig(files, architecture, ROPE_FREQS);
    const isInterleaved = (tensor: string) =>
      architecture === INTERLEAVED_ARCHITECTURE && INTERLEAVED_TENSOR.test(tensor);
    const layout: GGUFLayout = {
      nameOf: ggufName,
      configTensors: [ROPE_FREQS],
      interleavedRows: (tensor) => (isInterleaved(tensor) ? config.headDim : null),
    };
    return { config, layout };
  },
};

/** Returns the name in GGUF files of a tensor of the family. */
function ggufName(tensor: string): string {
  const { layer, module = '', kind } = LAYER_NAME.exec(tensor)?.groups ?? {};
  const name = MODULE_NAMES.get(module);
  return name === undefined ? (OUTER_NAMES.get(tensor) ?? tensor) : `blk.${layer}.${name}.${kind}`;
}
