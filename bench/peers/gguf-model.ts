// GPT-2 in a GGUF file, for llama.cpp's own architecture "gpt2".
import { open } from 'node:fs/promises';
import { type ModelDefinition, outerTensors } from '../../src/models/architecture.ts';
import { type GPT2Config, isGPT2Config } from '../../src/models/gpt2/config.ts';
import { rowLength, type WeightSource } from '../../src/models/weight-source.ts';
import { encodeGgml, type GgmlType } from './ggml-type.ts';
import { type GgufTensor, type GgufValue, ggufHeader, ggufPadding } from './gguf.ts';
import { PeerError } from './peer-error.ts';

/** Tensor and the weight that it holds; `transposed` when that is [in, out], and the tensor [out, in]. */
interface MappedTensor extends GgufTensor {
  readonly weight: string;
  readonly transposed: boolean;
}

/** Hugging Face's name of a module, or of a part of a layer → ggml's. */
const MODULES: ReadonlyMap<string, string> = new Map([
  ['wte', 'token_embd'],
  ['wpe', 'position_embd'],
  ['ln_f', 'output_norm'],
  ['lm_head', 'output'],
  ['ln_1', 'attn_norm'],
  ['ln_2', 'ffn_norm'],
  ['attn.c_attn', 'attn_qkv'],
  ['attn.c_proj', 'attn_output'],
  ['mlp.c_fc', 'ffn_up'],
  ['mlp.c_proj', 'ffn_down'],
]);

/** Numbers of a weight that are read at a time. */
const PIECE = 2 ** 22;
/** Kinds of tokens (enum llama_token_type of llama.h). */
const [NORMAL, CONTROL] = [1, 3] as const;

/**
 * Writes a model: matrices in `type`, vectors and the position embedding in f32, as roseinfer keeps them.
 *
 * The vocabulary is a placeholder, a token `<id>` for each id and no merges: prompts and completions are ids.
 *
 * @throws PeerError for a model that llama.cpp's gpt2 would compute otherwise.
 */
export async function writeGguf(
  path: string,
  model: ModelDefinition,
  source: WeightSource,
  type: GgmlType,
): Promise<void> {
  const { config } = model;
  if (!isGPT2Config(config))
    throw new PeerError(`a ${model.architecture} is no GPT-2, the only model that is written as GGUF`);
  checkSupported(config);
  const tensors = mapTensors(model, source, type);
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

function mapTensors(model: ModelDefinition, source: WeightSource, type: GgmlType): MappedTensor[] {
  const outer = outerTensors(model, source.tiedHead);
  const layers = Array.from({ length: model.config.numLayers }, (_, layer) => model.layerTensors(layer));
  return [...outer, ...layers.flat()].map(({ name, module, role, shape, order }) => {
    const part = role === 'bias' || role === 'shift' ? 'bias' : 'weight';
    const isStored = role === 'embedding' || role === 'head' || role === 'matrix';
    const transposed = order === 'kn';
    return {
      name: `${ggmlModule(module)}.${part}`,
      weight: name,
      type: isStored ? type : ('F32' as const),
      transposed,
      shape: transposed ? shape.toReversed() : shape,
    };
  });
}

/** Finds ggml's name of a module. */
function ggmlModule(module: string): string {
  const [, layer, part] = /^h\.(\d+)\.(.*)$/.exec(module) ?? [];
  const name = MODULES.get(part ?? module);
  if (name === undefined) throw new PeerError(`llama.cpp's gpt2 has no ${module}`);
  return layer === undefined ? name : `blk.${layer}.${name}`;
}

/** Yields the numbers of a tensor in the order of the file, in pieces of some rows. */
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
