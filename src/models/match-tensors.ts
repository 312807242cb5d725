// The tensors of files against the table of a model, whatever the format: each of the model's must be there once, and of the shape that
// the configuration gives it.
import { CheckpointError } from '../formats/checkpoint-error.ts';
import { clip } from '../util/quote.ts';
import { fileTensors, type ModelDefinition } from './architecture.ts';

/** Tensor of a file, as far as it can be matched. */
export interface FileTensor {
  /** As in the file. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly file: { readonly path: string };
}

/** Tensors of files, divided by the table of a model. */
export interface Matched<T, U = T> {
  /** Canonical name → tensor, for every tensor of the model and no other; without a head where the files have none. */
  readonly weights: Map<string, T>;
  /** The other tensors, under their names among the stored ones. */
  readonly rest: ReadonlyMap<string, U>;
}

/**
 * Takes the model's tensors out of the files. The work is bounded by what these hold, whatever the configuration claims.
 *
 * @param where directory or file, for the error of a tensor that is missing.
 * @param stored tensors by name.
 * @param accept checks the storage of a tensor.
 * @param nameOf name of a tensor of the table among the stored ones, and in errors.
 * @throws CheckpointError naming the tensor that is missing or of another shape.
 */
export function matchTensors<T extends FileTensor, U extends FileTensor>(
  where: string,
  stored: ReadonlyMap<string, T>,
  model: ModelDefinition,
  accept: (tensor: T) => U,
  nameOf: (canonical: string) => string = (name) => name,
): Matched<U, T> {
  const rest = new Map(stored);
  const weights = new Map<string, U>();
  for (const { name, role, shape } of fileTensors(model)) {
    const tensor = nameOf(name);
    const found = rest.get(tensor);
    rest.delete(tensor);
    if (found !== undefined) weights.set(name, checkShape(accept(found), shape));
    else if (role !== 'head') throw missingTensor(where, tensor, shape);
    else if (!model.config.tieWordEmbeddings) {
      throw missingTensor(where, tensor, shape, ', as tie_word_embeddings is false');
    }
  }
  return { weights, rest };
}

/** Makes the error of a tensor of a name that the model does not have. */
export function unknownTensor({ name, file }: FileTensor, { architecture, config }: ModelDefinition): CheckpointError {
  const expected = `a tensor of a ${architecture} with ${config.numLayers} layers`;
  return new CheckpointError(file.path, { tensor: name, subject: 'name', found: 'unknown', expected });
}

function checkShape<T extends FileTensor>(tensor: T, shape: readonly number[]): T {
  const [found, expected] = [showShape(tensor.shape), showShape(shape)];
  if (found === expected) return tensor;
  const problem = { tensor: tensor.name, subject: 'shape', found: clip(found), expected: `${expected} by the config` };
  throw new CheckpointError(tensor.file.path, problem);
}

function missingTensor(where: string, tensor: string, shape: readonly number[], reason = ''): CheckpointError {
  const expected = `one of shape ${showShape(shape)}${reason}`;
  return new CheckpointError(where, { tensor, subject: 'weight', found: 'missing', expected });
}

function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
