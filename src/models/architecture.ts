// An architecture as a value: how its configuration is read, a table of its weights, and its layers as a function. All else
// that runs a model takes the definition of one model, which is made from that value, and knows no architecture.
import type { GGUFFiles } from '../formats/gguf/gguf-files.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { NormedRows } from './blocks.ts';
import type { ModelConfig } from './config.ts';
import type { BlockPoint } from './points.ts';
import type { Step, StepShape } from './step.ts';
import type { TensorSpec } from './tensor-specs.ts';
import type { Weights } from './weights.ts';

/** Names of tensors in the files of an architecture. */
export interface FileRules {
  /** Beginning of a name that some files have and others lack. */
  readonly prefix: RegExp;
  /** Canonical names of tensors that inference does not read, such as masks: they are passed over. */
  readonly ignored: RegExp;
  /** Canonical names of the parts of a model: a tensor of such a name that is not in the table is refused. */
  readonly parts: RegExp;
}

/** Models of an architecture with random weights. */
export interface RandomModels {
  /** Keys of the config.json of each, by the name in `random:NAME`. */
  readonly configs: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Directory in the package whose tokenizer they have. */
  readonly tokenizer: string;
}

/** Table with a row for each position of the longest context: the host computes it from the configuration. */
export interface PositionTable {
  /** Name by which layers ask for it. */
  readonly name: string;
  readonly columns: number;
  /** Computes the table, [numPositions, columns]. */
  readonly compute: (numPositions: number) => Float32Array;
}

/** Places of a model's tensors in GGUF files. */
export interface GGUFLayout {
  /** Returns the name in the files of a tensor of the model's tables. */
  readonly nameOf: (tensor: string) => string;
  /** Names in the files of tensors that the configuration is made of. */
  readonly configTensors: readonly string[];
  /** Returns the rows of a head where the files have those of its two halves by turns; null where all rows are in order. */
  readonly interleavedRows: (tensor: string) => number | null;
}

/** GGUF files of an architecture; `M` is what is made of their metadata. */
export interface GGUFReader<M> {
  /** Values of `general.architecture`. */
  readonly architectures: readonly string[];
  /** Reads the metadata of files of an architecture. @throws ConfigError naming key, value and range. */
  readonly read: (files: GGUFFiles, architecture: string) => Promise<M & { readonly layout: GGUFLayout }>;
}

/** Declaration of an architecture; `C` is its configuration. */
export interface ArchitectureSpec<C extends ModelConfig> {
  /** Name in messages, such as `GPT-2`. */
  readonly name: string;
  /** Values of `model_type` in config.json. */
  readonly modelTypes: readonly string[];
  readonly random?: RandomModels;
  /** Checks a parsed config.json; `source` names it in errors. @throws ConfigError naming key, value and range. */
  readonly parseConfig: (json: unknown, source: string) => C;
  readonly files: FileRules;
  readonly gguf?: GGUFReader<{ readonly config: C }>;
  /** Lists the tensors that belong to no layer, with a head of its own whether or not the configuration ties it. */
  readonly outerTensors: (config: C) => readonly TensorSpec[];
  /** Lists the tensors of one layer; those of all layers have the same shapes. */
  readonly layerTensors: (config: C, layer: number) => readonly TensorSpec[];
  /** Lists the tables that are computed and not read; none when absent. */
  readonly positionTables?: (config: C) => readonly PositionTable[];
  /** Returns the columns of each scratch tensor of the layers, by name; there is a row for each token of a step. */
  readonly scratch: (config: C) => Readonly<Record<string, number>>;
  /** Points that its blocks have. */
  readonly points: readonly BlockPoint[];
  /** Adds the embedding and all layers: scratch `hidden`[T, C] is the residual stream. */
  readonly layers: (step: Step, config: C, weights: Weights, shape: StepShape) => void;
  /** Returns the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
  readonly lastNorm: (config: C, weights: Weights, hidden: Tensor, out: Tensor) => NormedRows;
}

/** Definition of one model: a configuration, and the tables and functions of its architecture for it. */
export interface ModelDefinition {
  readonly config: ModelConfig;
  /** Name of the architecture. */
  readonly architecture: string;
  readonly files: FileRules;
  /** The tensors that belong to no layer, with a head of its own whether or not the configuration ties it. */
  readonly outerTensors: readonly TensorSpec[];
  /** Lists the tensors of one layer: a configuration may claim any number of layers. */
  layerTensors(layer: number): readonly TensorSpec[];
  /** Tables that are computed and not read. */
  readonly positionTables: readonly PositionTable[];
  /** Columns of each scratch tensor of the layers, by name. */
  readonly scratch: Readonly<Record<string, number>>;
  /** Points that its blocks have. */
  readonly points: readonly BlockPoint[];
  /** Adds the embedding and all layers. */
  layers(step: Step, weights: Weights, shape: StepShape): void;
  /** Returns the last norm: out[R, C] of hidden[R, C]. */
  lastNorm(weights: Weights, hidden: Tensor, out: Tensor): NormedRows;
}

/** Architecture: it defines a model for each configuration. */
export interface Architecture {
  readonly name: string;
  readonly modelTypes: readonly string[];
  readonly random?: RandomModels;
  readonly gguf?: GGUFReader<{ readonly model: ModelDefinition }>;
  /** Defines a model by its parsed config.json. @throws ConfigError naming key, value and range. */
  define(json: unknown, source: string): ModelDefinition;
}

/** Makes an architecture from its declaration. */
export function defineArchitecture<C extends ModelConfig>(spec: ArchitectureSpec<C>): Architecture {
  const { name, modelTypes, random, files, gguf } = spec;
  const definitionOf = (config: C): ModelDefinition => ({
    config,
    architecture: name,
    files,
    outerTensors: spec.outerTensors(config),
    layerTensors: (layer) => spec.layerTensors(config, layer),
    positionTables: spec.positionTables?.(config) ?? [],
    scratch: spec.scratch(config),
    points: spec.points,
    layers: (step, weights, shape) => spec.layers(step, config, weights, shape),
    lastNorm: (weights, hidden, out) => spec.lastNorm(config, weights, hidden, out),
  });
  return {
    name,
    modelTypes,
    ...(random && { random }),
    ...(gguf && {
      gguf: {
        architectures: gguf.architectures,
        async read(from, architecture) {
          const { config, layout } = await gguf.read(from, architecture);
          return { model: definitionOf(config), layout };
        },
      },
    }),
    define: (json, source) => definitionOf(spec.parseConfig(json, source)),
  };
}

/** Lists the tensors of a model, one at a time. @param tiedHead as of `outerTensors`. */
export function* modelTensors(model: ModelDefinition, tiedHead?: boolean): Generator<TensorSpec> {
  yield* outerTensors(model, tiedHead);
  yield* tensorsOfLayers(model);
}

/** Lists the tensors that files of a model may hold, one at a time: a head too where the configuration ties it. */
export function* fileTensors(model: ModelDefinition): Generator<TensorSpec> {
  yield* model.outerTensors;
  yield* tensorsOfLayers(model);
}

/**
 * Lists the tensors of a model that belong to no layer: a head only where it is a tensor of its own.
 *
 * @param tiedHead true where the head is the embedding: by the source of the weights, or by default by the configuration.
 */
export function outerTensors(
  { config, outerTensors: all }: ModelDefinition,
  tiedHead: boolean = config.tieWordEmbeddings,
): TensorSpec[] {
  return all.filter(({ role }) => role !== 'head' || !tiedHead);
}

function* tensorsOfLayers(model: ModelDefinition): Generator<TensorSpec> {
  for (let layer = 0; layer < model.config.numLayers; layer++) yield* model.layerTensors(layer);
}
