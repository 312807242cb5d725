// Small Llama in a GGUF file that every engine could open: bytes are its tokens, and its matrices are of two types.
import { encodeGgml, type GgmlType } from '../../../bench/peers/ggml-type.ts';
import { type GgufValue, ggufHeader, ggufPadding } from '../../../bench/peers/gguf.ts';
import { BYTE_OF_LETTER } from '../../../src/tokenizer/byte-letters.ts';
import { numElements } from '../../../src/util/math.ts';

const LETTERS = [...BYTE_OF_LETTER.keys()];
const [C, F, H, G, D, V] = [32, 64, 2, 1, 16, 256] as const;

const METADATA = new Map<string, GgufValue>([
  ['general.architecture', { text: 'llama' }],
  ['llama.block_count', { u32: 1 }],
  ['llama.context_length', { u32: 64 }],
  ['llama.embedding_length', { u32: C }],
  ['llama.feed_forward_length', { u32: F }],
  ['llama.attention.head_count', { u32: H }],
  ['llama.attention.head_count_kv', { u32: G }],
  ['llama.attention.layer_norm_rms_epsilon', { f32: 1e-5 }],
  ['llama.rope.dimension_count', { u32: D }],
  ['llama.vocab_size', { u32: V }],
  ['tokenizer.ggml.model', { text: 'gpt2' }],
  ['tokenizer.ggml.pre', { text: 'gpt-2' }],
  ['tokenizer.ggml.tokens', { texts: LETTERS }],
  ['tokenizer.ggml.token_type', { i32s: LETTERS.map(() => 1) }],
  ['tokenizer.ggml.merges', { texts: [] }],
  ['tokenizer.ggml.eos_token_id', { u32: 0 }],
]);

const TENSORS: readonly (readonly [name: string, shape: readonly number[], type: GgmlType])[] = [
  ['token_embd.weight', [V, C], 'Q8_0'],
  ['output_norm.weight', [C], 'F32'],
  ['blk.0.attn_norm.weight', [C], 'F32'],
  ['blk.0.attn_q.weight', [H * D, C], 'F16'],
  ['blk.0.attn_k.weight', [G * D, C], 'F16'],
  ['blk.0.attn_v.weight', [G * D, C], 'F16'],
  ['blk.0.attn_output.weight', [C, H * D], 'F16'],
  ['blk.0.ffn_norm.weight', [C], 'F32'],
  ['blk.0.ffn_gate.weight', [F, C], 'F16'],
  ['blk.0.ffn_up.weight', [F, C], 'F16'],
  ['blk.0.ffn_down.weight', [C, F], 'F16'],
];

/** Makes the bytes of the file. Roseinfer stores its matrices as `f16 + q8_32`. */
export function tinyGguf(): Uint8Array {
  const data = TENSORS.flatMap(([, shape, type]) => {
    const values = Float32Array.from({ length: numElements(shape) }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
    const bytes = encodeGgml(type, values);
    return [bytes, ggufPadding(bytes.length)];
  });
  const tensors = TENSORS.map(([name, shape, type]) => ({ name, shape, type }));
  return Buffer.concat([ggufHeader(METADATA, tensors), ...data]);
}
