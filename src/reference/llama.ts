// The Llama family in float64, layer by layer: the oracle of tests, written apart from kernels and tables. Options say which parts a
// model has, so that llama, mistral, qwen2 and qwen3 are one class.
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, count, countOrNone, flag, oneOf } from '../util/option-checks.ts';
import { attention, attentionOfPattern, attentionPattern } from './attention.ts';
import { checkComplete, natural } from './checks.ts';
import {
  add,
  checkForward,
  checkLookup,
  embed,
  type ForwardOptions,
  outputRows,
  type ReferenceOutput,
  takeWeight,
  visit,
  type WeightLookup,
} from './model.ts';
import { matmulTransposed, rmsNorm, silu } from './operators.ts';
import { checkRope, type ReferenceRope, rotate } from './rope.ts';

/** Sizes and options of a model of the Llama family. */
export interface ReferenceLlamaConfig {
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKVHeads: number;
  readonly headDim: number;
  readonly hiddenSize: number;
  readonly mlpSize: number;
  readonly vocabSize: number;
  readonly numPositions: number;
  /** Last keys that a token sees, its own included; null for all. */
  readonly window: number | null;
  readonly normEpsilon: number;
  readonly rope: ReferenceRope;
  readonly attentionBias: { readonly qkv: boolean; readonly output: boolean };
  readonly mlpBias: boolean;
  /** Norms of the heads of q and k. */
  readonly qkNorm: boolean;
}

/** Storage of keys and values, to which they are rounded. */
export type ReferenceKVDType = 'f64' | 'f16';

/** Keys and values of the tokens seen so far; made by `createState`, filled by `extend`. */
export interface ReferenceLlamaState {
  /** Tokens seen. */
  length: number;
  /** Per layer: [length, G · D]. */
  readonly keys: Float64Array[];
  /** Per layer, as `keys`. */
  readonly values: Float64Array[];
}

/** Weights of out[N] = x[K] · wᵀ + bias. */
interface Linear {
  /** [N, K] */
  readonly weight: Float64Array;
  readonly bias: Float64Array | null;
  readonly K: number;
  readonly N: number;
}

interface Layer {
  readonly inputNorm: Float64Array;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly qNorm: Float64Array | null;
  readonly kNorm: Float64Array | null;
  readonly o: Linear;
  readonly mlpNorm: Float64Array;
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
}

/** Visits a point of a layer; returns its values. */
type VisitPoint = (name: string, values: Float64Array, ...shape: number[]) => Float64Array;

/** Layer of a pass. */
interface LayerPass {
  readonly l: number;
  readonly point: VisitPoint;
  /** True where attention is taken apart at its probabilities. */
  readonly isProbed: boolean;
}

const OBJECT: Check = { expected: 'an object', accepts: isRecord };
const CONFIG: Checks<ReferenceLlamaConfig> = {
  ...{ numLayers: countOrNone, numHeads: count, numKVHeads: count, headDim: count, hiddenSize: count, mlpSize: count },
  ...{ vocabSize: count, numPositions: count, normEpsilon: natural, rope: OBJECT, attentionBias: OBJECT },
  ...{ mlpBias: flag, qkNorm: flag },
  window: { expected: 'an integer ≥ 1 or null', accepts: (value) => value === null || count.accepts(value) },
};

/**
 * Model of the Llama family in float64 on the CPU, one sequence at a time: the oracle.
 *
 * Weights have Hugging Face's names without the `model.` prefix: `embed_tokens.weight` [V, C], `layers.N.input_layernorm`,
 * `layers.N.self_attn.{q,k,v,o}_proj`, `layers.N.self_attn.{q,k}_norm` [D], `layers.N.post_attention_layernorm`,
 * `layers.N.mlp.{gate,up,down}_proj`, `norm`, and for a head that is not tied `lm_head.weight` [V, C]; matrices are [out, in].
 */
export class ReferenceLlama {
  readonly config: ReferenceLlamaConfig;
  readonly #kvDtype: ReferenceKVDType;
  readonly #embedding: Float64Array;
  readonly #layers: readonly Layer[];
  readonly #norm: Float64Array;
  readonly #head: Float64Array;

  /**
   * @param tensors gives a weight by its name, `undefined` where there is none; without `lm_head.weight` the head is tied.
   * @throws RoseinferError naming a weight that is missing or has the wrong number of elements.
   */
  constructor(
    config: ReferenceLlamaConfig,
    tensors: WeightLookup,
    options: { readonly kvDtype?: ReferenceKVDType } = {},
  ) {
    checkComplete('config', config, CONFIG);
    checkRope(config.rope);
    checkLookup(tensors);
    checkOptions('options of ReferenceLlama', options, { kvDtype: oneOf(['f64', 'f16']) });
    const { numLayers, hiddenSize: C, vocabSize: V } = config;
    this.config = config;
    this.#kvDtype = options.kvDtype ?? 'f64';
    this.#embedding = takeWeight(tensors, 'embed_tokens.weight', [V, C]);
    this.#layers = Array.from({ length: numLayers }, (_, l) => takeLayer(config, tensors, `layers.${l}`));
    this.#norm = takeWeight(tensors, 'norm.weight', [C]);
    const untied = tensors('lm_head.weight', [V, C]) !== undefined;
    this.#head = untied ? takeWeight(tensors, 'lm_head.weight', [V, C]) : this.#embedding;
  }

  /** An empty sequence. */
  createState(): ReferenceLlamaState {
    const perLayer = () => Array.from({ length: this.config.numLayers }, () => new Float64Array(0));
    return { length: 0, keys: perLayer(), values: perLayer() };
  }

  /** The forward pass over a whole sequence; options and errors as in `extend`. */
  forward(ids: ArrayLike<number>, options: ForwardOptions = {}): ReferenceOutput {
    return this.extend(this.createState(), ids, options);
  }

  /**
   * Appends T tokens to a sequence and gives the logits and hidden states of these T.
   *
   * @throws RangeValueError when an id or a row is out of range or the sequence would outgrow numPositions; the state
   * then stays at its length.
   */
  extend(state: ReferenceLlamaState, ids: ArrayLike<number>, options: ForwardOptions = {}): ReferenceOutput {
    checkForward(state, ids, options);
    const { hiddenSize: C, vocabSize: V, numPositions } = this.config;
    const T = ids.length;
    const length = state.length + T;
    if (length > numPositions) throw new RangeValueError('sequence length', length, `at most ${numPositions}`);
    let x = visit(options, 'embed', embed(ids, this.#embedding, C), T, C);
    const hidden: Float64Array[] = [];
    const cache: { readonly keys: Float64Array; readonly values: Float64Array }[] = [];
    for (const [l, layer] of this.#layers.entries()) {
      const point = (name: string, of: Float64Array, ...shape: number[]) =>
        visit(options, `blocks.${l}.${name}`, of, ...shape);
      hidden.push(point('resid_pre', x, T, C));
      const isProbed = options.onPoint !== undefined;
      const { keys, values, mixed } = this.#attend(x, layer, state, { l, point, isProbed });
      cache.push({ keys, values });
      x = point('resid_mid', add(x, point('attn_out', mixed, T, C)), T, C);
      x = point('resid_post', add(x, point('mlp_out', this.#feedForward(x, layer, point), T, C)), T, C);
    }
    const final = visit(options, 'final_norm', this.#rmsNorm(x, this.#norm), T, C);
    hidden.push(final);
    const rows = outputRows(final, C, options);
    const logits = matmulTransposed(rows, this.#head, { M: rows.length / C, K: C, N: V });
    visit(options, 'logits', logits, rows.length / C, V);
    for (const [l, { keys, values }] of cache.entries()) [state.keys[l], state.values[l]] = [keys, values];
    state.length = length;
    return { logits, hidden };
  }

  /** Output [T, C] of the attention of layer `l`, and the keys and values of all tokens so far. */
  #attend(x: Float64Array, layer: Layer, state: ReferenceLlamaState, { l, point, isProbed }: LayerPass) {
    const { numHeads: H, numKVHeads: G, headDim: D, rope, window, hiddenSize: C } = this.config;
    const T = x.length / C;
    const normed = point('attn_in', this.#rmsNorm(x, layer.inputNorm), T, C);
    const heads = (name: string, projection: Linear, norm: Float64Array | null, count: number) => {
      const projected = point(name, linear(normed, projection), T, count, D);
      const turned = norm === null ? projected : this.#rmsNorm(projected, norm);
      rotate(turned, rope, { T, heads: count, D, start: state.length });
      return point(`rot_${name}`, turned, T, count, D);
    };
    const queries = heads('q', layer.q, layer.qNorm, H);
    const keys = concat(state.keys[l]!, this.#stored(heads('k', layer.k, layer.kNorm, G)));
    const values = concat(state.values[l]!, this.#stored(point('v', linear(normed, layer.v), T, G, D)));
    const context = state.length + T;
    const dims = { T, context, H, G, D, scale: 1 / Math.sqrt(D), window };
    const z = isProbed
      ? attentionOfPattern(point('pattern', attentionPattern(queries, keys, dims), H, T, context), values, dims)
      : attention(queries, keys, values, dims);
    return { keys, values, mixed: linear(point('z', z, T, H, D), layer.o) };
  }

  #feedForward(x: Float64Array, layer: Layer, point: VisitPoint): Float64Array {
    const { hiddenSize: C, mlpSize: F } = this.config;
    const T = x.length / C;
    const normed = point('mlp_in', this.#rmsNorm(x, layer.mlpNorm), T, C);
    const up = linear(normed, layer.up);
    const gated = silu(linear(normed, layer.gate)).map((value, i) => value * up[i]!);
    return linear(point('mlp_act', gated, T, F), layer.down);
  }

  /** Norm of each row as long as gamma. */
  #rmsNorm(x: Float64Array, gamma: Float64Array): Float64Array {
    const C = gamma.length;
    return rmsNorm(x, gamma, { M: x.length / C, C, epsilon: this.config.normEpsilon });
  }

  #stored(x: Float64Array): Float64Array {
    return this.#kvDtype === 'f16' ? x.map(Math.f16round) : x;
  }
}

function takeLayer(config: ReferenceLlamaConfig, tensors: WeightLookup, name: string): Layer {
  const { numHeads, numKVHeads, headDim: D, hiddenSize: C, mlpSize: F, attentionBias, mlpBias, qkNorm } = config;
  const norm = (part: string, size: number) => takeWeight(tensors, `${name}.${part}.weight`, [size]);
  const matrix = (part: string, N: number, K: number, hasBias: boolean): Linear => ({
    weight: takeWeight(tensors, `${name}.${part}.weight`, [N, K]),
    bias: hasBias ? takeWeight(tensors, `${name}.${part}.bias`, [N]) : null,
    K,
    N,
  });
  const [A, W] = [numHeads * D, numKVHeads * D];
  return {
    inputNorm: norm('input_layernorm', C),
    q: matrix('self_attn.q_proj', A, C, attentionBias.qkv),
    k: matrix('self_attn.k_proj', W, C, attentionBias.qkv),
    v: matrix('self_attn.v_proj', W, C, attentionBias.qkv),
    qNorm: qkNorm ? norm('self_attn.q_norm', D) : null,
    kNorm: qkNorm ? norm('self_attn.k_norm', D) : null,
    o: matrix('self_attn.o_proj', C, A, attentionBias.output),
    mlpNorm: norm('post_attention_layernorm', C),
    gate: matrix('mlp.gate_proj', F, C, mlpBias),
    up: matrix('mlp.up_proj', F, C, mlpBias),
    down: matrix('mlp.down_proj', C, F, mlpBias),
  };
}

/** out[M, N] = x[M, K] · wᵀ + bias. */
function linear(x: Float64Array, { weight, bias, K, N }: Linear): Float64Array {
  const out = matmulTransposed(x, weight, { M: x.length / K, K, N });
  return bias === null ? out : out.map((value, i) => value + bias[i % N]!);
}

function concat(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
