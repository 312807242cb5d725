// Weights of a model on the GPU by module, as its layers ask for them, and by the tensors of its files, as a reader does.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { RangeValueError } from '../util/errors.ts';
import type { StoredTensor } from './stored-tensor.ts';
import type { TensorRole, TensorSpec } from './tensor-specs.ts';
import type { LinearWeights, NormWeights, VocabularyRange, Weights } from './weights.ts';

/** A tensor of the files, and the weight on the GPU that it is part of. */
export interface LocatedTensor {
  readonly spec: TensorSpec;
  readonly stored: StoredTensor;
}

/** Weights of a model: matrices in column tiles, vectors and tables in f32. It holds its tensors, which other models may share. */
export class LoadedWeights implements Weights {
  readonly embedding: readonly VocabularyRange[];
  readonly head: readonly VocabularyRange[];
  readonly noBias: Tensor;
  readonly #norms = new Map<string, NormWeights>();
  readonly #linears = new Map<string, LinearWeights>();
  readonly #tables = new Map<string, Tensor>();
  readonly #tensors: readonly StoredTensor[];
  /** By the names of the files' tensors. */
  readonly #located = new Map<string, LocatedTensor>();
  #isClosed = false;

  /** @param tensors those of a model, which the weights own from here on. @param noBias zeros, owned likewise. */
  constructor(tensors: readonly StoredTensor[], noBias: Tensor) {
    this.#tensors = tensors;
    this.noBias = noBias;
    const formOf = (role: TensorRole, of: string) =>
      tensors.find(({ fused }) => fused.role === role && fused.module === of)?.form;
    // A bias and a shift come with the matrix or gain of their module.
    const vectorOf = (role: TensorRole, of: string, shape: readonly number[]) => {
      const form = formOf(role, of);
      return form instanceof Tensor ? form : noBias.prefix(shape.slice(-1));
    };
    for (const stored of tensors) {
      const { form, fused } = stored;
      const { role, module, shape } = fused;
      for (const spec of fused.parts) this.#located.set(spec.name, { spec, stored });
      if (form instanceof PackedWeight) this.#linears.set(module, { w: form, bias: vectorOf('bias', module, shape) });
      else if (!(form instanceof Tensor)) continue;
      else if (role === 'gain') this.#norms.set(module, { gamma: form, beta: vectorOf('shift', module, shape) });
      else if (role === 'table') this.#tables.set(module, form);
    }
    const rangesOf = (role: TensorRole) => {
      const form = tensors.find(({ fused }) => fused.role === role)?.form;
      return form === undefined || form instanceof Tensor || form instanceof PackedWeight ? null : form;
    };
    this.embedding = rangesOf('embedding') ?? [];
    this.head = rangesOf('head') ?? this.embedding;
  }

  /** Names of the files' tensors, in the order of the model. */
  get names(): string[] {
    return [...this.#located.keys()];
  }

  /** Finds a tensor of the files by name. */
  locate(name: string): LocatedTensor | undefined {
    return this.#located.get(name);
  }

  /** Counts the bytes on the GPU of the weights that some tensors of the files are part of. */
  bytesOf(names: ReadonlyMap<string, unknown>): number {
    const isNamed = ({ fused }: StoredTensor) => fused.parts.some(({ name }) => names.has(name));
    return this.#tensors.filter(isNamed).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Makes weights with other numbers in the places of some tensors of the files; all that have none of these are shared.
   *
   * @param replaced numbers in the order of the files, by name.
   * @throws GpuError when the adapter has no room; nothing is left on the device then.
   */
  async replace(device: Device, replaced: ReadonlyMap<string, Float32Array>): Promise<LoadedWeights> {
    using held = new DisposableStack();
    const hold = (stored: StoredTensor) => held.adopt(stored, (tensor) => tensor.release());
    const copied = await device.checked('replacing weights', async () => {
      const tensors: StoredTensor[] = [];
      for (const stored of this.#tensors) {
        const isReplaced = stored.fused.parts.some(({ name }) => replaced.has(name));
        tensors.push(hold(isReplaced ? await stored.replace(device, replaced) : stored.hold()));
      }
      const noBias = held.use(Tensor.create(device, this.noBias.label, 'f32', this.noBias.shape));
      return new LoadedWeights(tensors, noBias);
    });
    held.move();
    return copied;
  }

  norm(module: string): NormWeights {
    return find(this.#norms, module, 'norm');
  }

  linear(module: string): LinearWeights {
    return find(this.#linears, module, 'linear module');
  }

  table(module: string): Tensor {
    return find(this.#tables, module, 'table');
  }

  /** Lets go of its tensors; idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stored of this.#tensors) stored.release();
    this.noBias.close();
  }
}

function find<T>(modules: ReadonlyMap<string, T>, module: string, kind: string): T {
  const weights = modules.get(module);
  if (weights !== undefined) return weights;
  throw new RangeValueError(kind, module, `one of ${[...modules.keys()].join(', ')}`);
}
