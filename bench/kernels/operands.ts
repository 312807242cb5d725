// Tensors of a dispatch, made from its declaration: given contents where they matter, else random numbers. Both repeat, so that
// tensors of any size are made quickly.
import type { Device } from '../../src/gpu/device.ts';
import type { BindingSpec, Dims, KernelSpec, Variant } from '../../src/gpu/kernel-spec.ts';
import type { PackedMatrix } from '../../src/gpu/packed-matrix.ts';
import { sizeOf } from '../../src/gpu/shapes.ts';
import { Tensor, type TensorData } from '../../src/gpu/tensor.ts';
import { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';
import { TILE, weightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { uniforms } from '../../src/util/random-values.ts';

/** Numbers of a random tensor before they repeat. */
const BLOCK_NUMBERS = 2 ** 16;
/** Bound of the numbers of a weight. */
const WEIGHT_SCALE = 0.1;

/** Sizes of a dispatch, and the contents that matter. */
interface DispatchContents {
  readonly spec: KernelSpec;
  /** Shape letters, scalars and constants. */
  readonly dims: Dims;
  readonly variant: Variant;
  /** Elements by binding, which repeat. */
  readonly data: Readonly<Record<string, TensorData | undefined>>;
}

/** Makes the tensors of a dispatch, which belong to `owned`. @throws GpuError where the adapter has no room. */
export function makeTensors(
  device: Device,
  owned: DisposableStack,
  { spec, dims, variant, data }: DispatchContents,
): Readonly<Record<string, Tensor | PackedMatrix>> {
  const make = (name: string, { packed, access, dtype, shape }: BindingSpec): Tensor | PackedMatrix => {
    const sizes = shape.map((dim) => sizeOf(dim, dims));
    if (packed) {
      const [K = 0, N = 0] = sizes;
      const weight = owned.use(PackedWeight.create(device, name, [K, N], weightDType(variant.conditions)));
      weight.repeatTile(uniforms(2, K * TILE, WEIGHT_SCALE));
      return weight;
    }
    const tensor = owned.use(Tensor.create(device, name, dtype, sizes));
    const isAnyNumber = access === 'read' && dtype === 'f32';
    const block = data[name] ?? (isAnyNumber ? uniforms(1, Math.min(BLOCK_NUMBERS, tensor.length)) : null);
    if (block !== null) repeat(tensor, block);
    return tensor;
  };
  return Object.fromEntries(Object.entries(spec.bindings).map(([name, binding]) => [name, make(name, binding)]));
}

/** Fills a tensor with repeats of a block. */
export function repeat(tensor: Tensor, block: TensorData): void {
  for (let start = 0; start < tensor.length; start += block.length) {
    tensor.write(block.subarray(0, tensor.length - start), start);
  }
}
