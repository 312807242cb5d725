// GPT-2 in float64, layer by layer: the oracle of tests and doctor, written apart from the kernels.
import { RangeValueError } from '../util/errors.ts';
import { namesOf } from '../util/names-of.ts';
import { type Checks, count, countOrNone, flag, oneOf } from '../util/option-checks.ts';
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
import { gelu, geluNew, layerNorm, matmul, matmulTransposed, relu } from './operators.ts';

/** Sizes and options of a GPT-2; C = hiddenSize = numHeads · headDim. */
export interface ReferenceGPT2Config {
  readonly numLayers: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly hiddenSize: number;
  readonly mlpSize: number;
  readonly vocabSize: number;
  readonly numPositions: number;
  readonly layerNormEpsilon: number;
  readonly activation: 'gelu_new' | 'gelu' | 'relu';
  /** Divide attention scores by √headDim. */
  readonly scaleAttnWeights: boolean;
  /** Divide attention scores of layer l (counted from 0) by l + 1 as well. */
  readonly scaleAttnByInverseLayerIdx: boolean;
}

/** Keys and values of the tokens seen so far; made by `createState`, filled by `extend`. */
export interface ReferenceGPT2State {
  /** Tokens seen. */
  length: number;
  /** Per layer: [numPositions, C], of which the first `length` rows are filled. */
  readonly keys: readonly Float64Array[];
  /** Per layer, as `keys`. */
  readonly values: readonly Float64Array[];
}

interface LayerNormWeights {
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
}

interface LinearWeights {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

interface Layer {
  readonly ln1: LayerNormWeights;
  readonly qkv: LinearWeights;
  readonly attnProj: LinearWeights;
  readonly ln2: LayerNormWeights;
  readonly fc: LinearWeights;
  readonly mlpProj: LinearWeights;
  readonly attnScale: number;
}

/** Visits a point of a layer; returns its values. */
type VisitPoint = (name: string, values: Float64Array, ...shape: number[]) => Float64Array;

/** Layer of a pass over T tokens. */
interface LayerPass {
  readonly l: number;
  readonly T: number;
  readonly point: VisitPoint;
  /** True where attention is taken apart at its probabilities. */
  readonly isProbed: boolean;
}

const ACTIVATIONS = { gelu_new: geluNew, gelu, relu };

const CONFIG: Checks<ReferenceGPT2Config> = {
  ...{ numLayers: countOrNone, numHeads: count, headDim: count, hiddenSize: count, mlpSize: count },
  ...{ vocabSize: count, numPositions: count, layerNormEpsilon: natural, activation: oneOf(namesOf(ACTIVATIONS)) },
  ...{ scaleAttnWeights: flag, scaleAttnByInverseLayerIdx: flag },
};

/**
 * GPT-2 in float64 on the CPU, one sequence at a time, independent of the shaders: the oracle.
 *
 * Weights have the published names without the `transformer.` prefix: `wte.weight` [V, C], `wpe.weight`
 * [numPositions, C], `h.N.ln_1`, `h.N.attn.c_attn` (`weight` [C, 3C], `bias`), `h.N.attn.c_proj`, `h.N.ln_2`,
 * `h.N.mlp.c_fc`, `h.N.mlp.c_proj`, `ln_f`, and for a head that is not tied to `wte` also `lm_head.weight` [V, C].
 */
export class ReferenceGPT2 {
  readonly config: ReferenceGPT2Config;
  readonly #wte: Float64Array;
  readonly #wpe: Float64Array;
  readonly #layers: readonly Layer[];
  readonly #lnF: LayerNormWeights;
  readonly #lmHead: Float64Array;

  /**
   * @param tensors gives a weight by its name, `undefined` where there is none; without `lm_head.weight` the head is tied.
   * @throws RoseinferError naming a weight that is missing or has the wrong number of elements.
   */
  constructor(config: ReferenceGPT2Config, tensors: WeightLookup) {
    checkComplete('config', config, CONFIG);
    checkLookup(tensors);
    const { numLayers, headDim, hiddenSize: C, mlpSize: F, vocabSize: V, numPositions } = config;
    const weight = (name: string, ...shape: number[]) => takeWeight(tensors, name, shape);
    const norm = (name: string) => ({ gamma: weight(`${name}.weight`, C), beta: weight(`${name}.bias`, C) });
    const linear = (name: string, K: number, N: number) => ({
      weight: weight(`${name}.weight`, K, N),
      bias: weight(`${name}.bias`, N),
    });

    this.config = config;
    this.#wte = weight('wte.weight', V, C);
    this.#wpe = weight('wpe.weight', numPositions, C);
    this.#layers = Array.from({ length: numLayers }, (_, l) => ({
      ln1: norm(`h.${l}.ln_1`),
      qkv: linear(`h.${l}.attn.c_attn`, C, 3 * C),
      attnProj: linear(`h.${l}.attn.c_proj`, C, C),
      ln2: norm(`h.${l}.ln_2`),
      fc: linear(`h.${l}.mlp.c_fc`, C, F),
      mlpProj: linear(`h.${l}.mlp.c_proj`, F, C),
      attnScale:
        (config.scaleAttnWeights ? 1 / Math.sqrt(headDim) : 1) / (config.scaleAttnByInverseLayerIdx ? l + 1 : 1),
    }));
    this.#lnF = norm('ln_f');
    this.#lmHead = tensors('lm_head.weight', [V, C]) === undefined ? this.#wte : weight('lm_head.weight', V, C);
  }

  /** An empty sequence. */
  createState(): ReferenceGPT2State {
    const { numLayers, numPositions, hiddenSize } = this.config;
    const perLayer = () => Array.from({ length: numLayers }, () => new Float64Array(numPositions * hiddenSize));
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
  extend(state: ReferenceGPT2State, ids: ArrayLike<number>, options: ForwardOptions = {}): ReferenceOutput {
    checkForward(state, ids, options);
    const { hiddenSize: C, vocabSize: V } = this.config;
    const T = ids.length;
    let x = visit(options, 'embed', this.#embed(ids, state.length), T, C);
    const hidden: Float64Array[] = [];
    for (const [l, layer] of this.#layers.entries()) {
      const point = (name: string, values: Float64Array, ...shape: number[]) =>
        visit(options, `blocks.${l}.${name}`, values, ...shape);
      hidden.push(point('resid_pre', x, T, C));
      const attended = this.#attend(x, layer, state, { l, T, point, isProbed: options.onPoint !== undefined });
      x = point('resid_mid', add(x, point('attn_out', attended, T, C)), T, C);
      x = point('resid_post', add(x, point('mlp_out', this.#feedForward(x, layer, T, point), T, C)), T, C);
    }
    const final = visit(options, 'final_norm', this.#norm(x, this.#lnF, T), T, C);
    hidden.push(final);
    const rows = outputRows(final, C, options);
    const logits = matmulTransposed(rows, this.#lmHead, { M: rows.length / C, K: C, N: V });
    visit(options, 'logits', logits, rows.length / C, V);
    state.length += T;
    return { logits, hidden };
  }

  /** Token embedding plus embedding of the absolute position: [T, C]. */
  #embed(ids: ArrayLike<number>, start: number): Float64Array {
    const { hiddenSize: C, numPositions } = this.config;
    const T = ids.length;
    if (start + T > numPositions) throw new RangeValueError('sequence length', start + T, `at most ${numPositions}`);
    return add(embed(ids, this.#wte, C), this.#wpe.subarray(start * C, (start + T) * C));
  }

  #attend(
    x: Float64Array,
    layer: Layer,
    state: ReferenceGPT2State,
    { l, T, point, isProbed }: LayerPass,
  ): Float64Array {
    const { hiddenSize: C, numHeads: H, headDim: D } = this.config;
    const normed = point('attn_in', this.#norm(x, layer.ln1, T), T, C);
    const qkv = this.#linear(normed, layer.qkv, { M: T, K: C, N: 3 * C });
    const queries = new Float64Array(T * C);
    const keys = state.keys[l]!;
    const values = state.values[l]!;
    const [start, end] = [state.length * C, (state.length + T) * C];
    for (let t = 0; t < T; t++) {
      const row = qkv.subarray(t * 3 * C, (t + 1) * 3 * C);
      queries.set(row.subarray(0, C), t * C);
      keys.set(row.subarray(C, 2 * C), (state.length + t) * C);
      values.set(row.subarray(2 * C), (state.length + t) * C);
    }
    const context = state.length + T;
    const shape = { T, context, H, D, scale: layer.attnScale };
    point('q', queries, T, H, D);
    point('k', keys.subarray(start, end), T, H, D);
    point('v', values.subarray(start, end), T, H, D);
    const [seenKeys, seenValues] = [keys.subarray(0, context * C), values.subarray(0, context * C)];
    const mixed = isProbed
      ? attentionOfPattern(
          point('pattern', attentionPattern(queries, seenKeys, shape), H, T, context),
          seenValues,
          shape,
        )
      : attention(queries, seenKeys, seenValues, shape);
    return this.#linear(point('z', mixed, T, H, D), layer.attnProj, { M: T, K: C, N: C });
  }

  #feedForward(x: Float64Array, layer: Layer, T: number, point: VisitPoint): Float64Array {
    const { hiddenSize: C, mlpSize: F, activation } = this.config;
    const normed = point('mlp_in', this.#norm(x, layer.ln2, T), T, C);
    const inner = this.#linear(normed, layer.fc, { M: T, K: C, N: F });
    return this.#linear(point('mlp_act', ACTIVATIONS[activation](inner), T, F), layer.mlpProj, { M: T, K: F, N: C });
  }

  #norm(x: Float64Array, { gamma, beta }: LayerNormWeights, T: number): Float64Array {
    return layerNorm(x, gamma, beta, { M: T, C: this.config.hiddenSize, epsilon: this.config.layerNormEpsilon });
  }

  #linear(x: Float64Array, { weight, bias }: LinearWeights, shape: { M: number; K: number; N: number }): Float64Array {
    return matmul(x, weight, bias, shape);
  }
}
