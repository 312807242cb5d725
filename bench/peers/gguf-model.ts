// A GPT-2 as a GGUF file, as llama.cpp's own architecture "gpt2" reads it.
import { open } from 'node:fs/promises';
import type { GPT2Config } from '../../src/models/gpt2/config.ts';
import { LM_HEAD } from '../../src/models/gpt2/tensors.ts';
import { rowLength, type WeightSource } from '../../src/models/weight-source.ts';
import { encodeGgml, type GgmlType } from './ggml-type.ts';
import { type GgufTensor, type GgufValue, ggufHeader, ggufPadding } from './gguf.ts';
import { PeerError } from './peer-error.ts';

/** A tensor and the weight that it holds; `transposed`: [in, out] in the weight, [out, in] in the file. */
interface MappedTensor extends GgufTensor {
  readonly weight: string;
  readonly transposed: boolean;
}

/** ggml's name of a part of a layer → Hugging Face's. */
const NORMS = { attn_norm: 'ln_1', ffn_norm: 'ln_2' } as const;
const LINEARS = {
  attn_qkv: 'attn.c_attn',
  attn_output: 'attn.c_proj',
  ffn_up: 'mlp.c_fc',
  ffn_down: 'mlp.c_proj',
} as const;

/** Numbers of a table that are read at a time. */
const PIECE = 2 ** 22;
/** Kinds of tokens (enum llama_token_type of llama.h). */
const [NORMAL, CONTROL] = [1, 3] as const;

/**
 * Writes a model: matrices in `type`, vectors and the position embedding in f32, as roseinfer keeps them.
 *
 * Its vocabulary is made up, a token `<id>` for each id and no merges: it is for ids in, ids out.
 *
 * @throws PeerError for a model that llama.cpp's gpt2 would compute otherwise.
 */
export async function writeGguf(path: string, config: GPT2Config, source: WeightSource, type: GgmlType): Promise<void> {
  checkSupported(config);
  const tensors = mapTensors(config, source, type);
  await using file = await open(path, 'w');
  await file.writeFile(ggufHeader(describeModel(config), tensors));
  for (const tensor of tensors) {
    let length = 0;
    for await (const piece of readPieces(source, tensor)) {
      const bytes = encodeGgml(tensor.type, piece);
      await file.writeFile(bytes);
      length += bytes.length;
    }
    await file.writeFile(ggufPadding(length));
  }
}

function checkSupported({ activation, scaleAttnWeights, scaleAttnByInverseLayerIdx }: GPT2Config): void {
  if (activation !== 'gelu_new') throw new PeerError(`llama.cpp's gpt2 has no ${activation}, only gelu_new`);
  if (!scaleAttnWeights || scaleAttnByInverseLayerIdx) {
    throw new PeerError("llama.cpp's gpt2 scales attention scores by 1/√D and nothing else");
  }
}

function describeModel(config: GPT2Config): Map<string, GgufValue> {
  const { numLayers, numHeads, hiddenSize, mlpSize, vocabSize, numPositions, normEpsilon, eosTokenIds } = config;
  const eos = eosTokenIds.find((id) => id >= 0 && id < vocabSize) ?? 0;
  const ids = Array.from({ length: vocabSize }, (_, id) => id);
  return new Map<string, GgufValue>([
    ['general.architecture', { text: 'gpt2' }],
    ['gpt2.block_count', { u32: numLayers }],
    ['gpt2.context_length', { u32: numPositions }],
    ['gpt2.embedding_length', { u32: hiddenSize }],
    ['gpt2.feed_forward_length', { u32: mlpSize }],
    ['gpt2.attention.head_count', { u32: numHeads }],
    ['gpt2.attention.layer_norm_epsilon', { f32: normEpsilon }],
    ['tokenizer.ggml.model', { text: 'gpt2' }],
    ['tokenizer.ggml.pre', { text: 'gpt-2' }],
    ['tokenizer.ggml.tokens', { texts: ids.map((id) => `<${id}>`) }],
    ['tokenizer.ggml.token_type', { i32s: ids.map((id) => (id === eos ? CONTROL : NORMAL)) }],
    ['tokenizer.ggml.merges', { texts: [] }],
    ['tokenizer.ggml.bos_token_id', { u32: eos }],
    ['tokenizer.ggml.eos_token_id', { u32: eos }],
  ]);
}

function mapTensors({ numLayers }: GPT2Config, source: WeightSource, type: GgmlType): MappedTensor[] {
  const map = (name: string, weight: string, stored: GgmlType, transposed = false): MappedTensor => {
    const shape = source.shape(weight);
    return { name, weight, type: stored, transposed, shape: transposed ? shape.toReversed() : shape };
  };
  const vectors = (name: string, weight: string) => map(`${name}.bias`, `${weight}.bias`, 'F32');
  const norm = (name: string, weight: string) => [
    map(`${name}.weight`, `${weight}.weight`, 'F32'),
    vectors(name, weight),
  ];
  const linear = (name: string, weight: string) => [
    map(`${name}.weight`, `${weight}.weight`, type, true),
    vectors(name, weight),
  ];
  const layers = Array.from({ length: numLayers }, (_, l) => [
    ...Object.entries(NORMS).flatMap(([name, weight]) => norm(`blk.${l}.${name}`, `h.${l}.${weight}`)),
    ...Object.entries(LINEARS).flatMap(([name, weight]) => linear(`blk.${l}.${name}`, `h.${l}.${weight}`)),
  ]);
  return [
    map('token_embd.weight', 'wte.weight', type),
    map('position_embd.weight', 'wpe.weight', 'F32'),
    ...layers.flat(),
    ...norm('output_norm', 'ln_f'),
    ...(source.tiedHead ? [] : [map('output.weight', LM_HEAD, type)]),
  ];
}

/** The numbers of a tensor in the order of the file, some rows at a time. */
async function* readPieces(source: WeightSource, { weight, transposed }: MappedTensor): AsyncGenerator<Float32Array> {
  const shape = source.shape(weight);
  const [rows = 1] = shape;
  const step = transposed ? rows : Math.ceil(PIECE / rowLength(shape));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const piece = new Float32Array(count * rowLength(shape));
    await source.readRows(weight, row, count, piece);
    yield transposed ? transpose(piece, rows) : piece;
  }
}

function transpose(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  const out = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = matrix[row * columns + column]!;
  }
  return out;
}
