import type { Device, DeviceTraits } from './device.ts';
import { type Dispatch, PARAMS_GROUP, paramsLayout } from './dispatch.ts';
import { GpuError, KernelError } from './errors.ts';
import { ShaderStage } from './flags.ts';
import type { Dims, KernelSpec, ScalarsOf, ScalarType, TensorsOf, Variant, VariantChoice } from './kernel-spec.ts';
import { Program } from './program.ts';
import { checkAgainstShader, linkShader } from './shader-linker.ts';
import { solveDims } from './shapes.ts';
import type { Tensor } from './tensor.ts';

/** A variant of a kernel, compiled for one device. */
export interface BuiltKernel {
  /** Kernel name and variant: the label of its GPU objects. */
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
  readonly variant: Variant;
}

/** A kernel: its declaration, and the variants of it that each device has compiled. */
export class Kernel<S extends KernelSpec = KernelSpec> {
  readonly spec: S;
  readonly #built = new WeakMap<Device, Map<string, BuiltKernel | Promise<BuiltKernel>>>();

  constructor(spec: S) {
    this.spec = spec;
  }

  get name(): string {
    return this.spec.name;
  }

  /**
   * The full variant that a choice means on a device.
   *
   * @throws KernelError for a name that the kernel does not declare.
   */
  variant(traits: DeviceTraits, choice: VariantChoice = {}): Variant {
    const { spec } = this;
    return {
      conditions: merge(spec.name, 'condition', spec.conditions?.(traits), choice.conditions),
      constants: merge(spec.name, 'constant', spec.constants?.(traits), choice.constants),
      overrides: merge(spec.name, 'override', spec.overrides?.(traits), choice.overrides),
    };
  }

  /** Plain WGSL of a variant. */
  wgsl(device: Device, choice?: VariantChoice): Promise<string> {
    return linkShader(this.spec, this.variant(device.traits, choice), device.traits.immediates);
  }

  /**
   * Compiles a variant, once per device.
   *
   * @throws KernelError when the shader and the spec differ; GpuError when the driver refuses it.
   */
  async build(device: Device, choice?: VariantChoice): Promise<BuiltKernel> {
    const variant = this.variant(device.traits, choice);
    const label = labelOf(this.spec.name, variant);
    const variants = this.#variants(device);
    const known = variants.get(label);
    if (known) return known;
    const building = this.#compile(device, label, variant);
    variants.set(label, building);
    try {
      const built = await building;
      variants.set(label, built);
      return built;
    } catch (error) {
      variants.delete(label);
      throw error;
    }
  }

  /**
   * Checks tensors and scalars and makes a dispatch of them. The variant must have been built: nothing compiles while a
   * step is recorded.
   *
   * @throws KernelError that names the kernel and the tensor or scalar, what was expected and what was given.
   */
  dispatch(device: Device, tensors: TensorsOf<S, Tensor>, scalars: ScalarsOf<S>, choice?: VariantChoice): Dispatch {
    const { spec } = this;
    const variant = this.variant(device.traits, choice);
    const built = this.#variants(device).get(labelOf(spec.name, variant));
    if (!built || built instanceof Promise)
      throw new KernelError(labelOf(spec.name, variant), 'used before it was built');
    const ordered = orderTensors(spec, tensors);
    const values: Record<string, number> = { ...variant.constants, ...scalars };
    for (const name of spec.extras ?? []) {
      if (values[name] === undefined) throw new KernelError(spec.name, `scalar ${name} is missing`);
    }
    const dims = solveDims(spec, ordered, values);
    const wrong = spec.check?.(dims, variant);
    if (wrong) throw new KernelError(spec.name, wrong);
    const workgroups = spec.workgroups(dims, variant);
    const { maxComputeWorkgroupsPerDimension: maxGroups, maxStorageBufferBindingSize: maxBytes } = device.gpu.limits;
    if (workgroups.some((count) => count > maxGroups)) {
      throw new KernelError(
        spec.name,
        `grid [${workgroups}] is beyond the adapter's ${maxGroups} workgroups a dimension`,
      );
    }
    const ranges = ordered.map(([name, { range }]) => {
      if (range.size <= maxBytes) return range;
      throw new KernelError(spec.name, `${name} takes ${range.size} bytes, the adapter binds at most ${maxBytes}`);
    });
    return {
      label: built.label,
      pipeline: built.pipeline,
      bindGroup: device.bindGroups.get(built.label, built.bindGroupLayout, ranges),
      params: packParams(spec, dims),
      workgroups,
      dims,
    };
  }

  /** Builds the variant if need be, runs it once and returns when it has been submitted. */
  async run(
    device: Device,
    tensors: TensorsOf<S, Tensor>,
    scalars: ScalarsOf<S>,
    choice?: VariantChoice,
  ): Promise<void> {
    await this.build(device, choice);
    await device.checked(this.spec.name, () => {
      using program = new Program(device, this.spec.name, [this.dispatch(device, tensors, scalars, choice)]);
      program.submit();
    });
  }

  #variants(device: Device): Map<string, BuiltKernel | Promise<BuiltKernel>> {
    const known = this.#built.get(device);
    if (known) return known;
    const variants = new Map<string, BuiltKernel | Promise<BuiltKernel>>();
    this.#built.set(device, variants);
    return variants;
  }

  async #compile(device: Device, label: string, variant: Variant): Promise<BuiltKernel> {
    const { spec } = this;
    const { immediates } = device.traits;
    const wgsl = await linkShader(spec, variant, immediates);
    checkAgainstShader(spec, wgsl, immediates);
    const numParams = Object.keys(spec.params).length;
    return device.checked(label, async () => {
      const { gpu } = device;
      const module = gpu.createShaderModule({ label, code: wgsl });
      const entries = Object.values(spec.bindings).map(
        ({ access }, binding): GPUBindGroupLayoutEntry => ({
          binding,
          visibility: ShaderStage.COMPUTE,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        }),
      );
      const bindGroupLayout = gpu.createBindGroupLayout({ label, entries });
      const bindGroupLayouts = [bindGroupLayout];
      if (!immediates && numParams > 0) bindGroupLayouts[PARAMS_GROUP] = paramsLayout(gpu);
      const immediateSize = immediates ? 4 * numParams : 0;
      const layout = gpu.createPipelineLayout({ label, bindGroupLayouts, ...(immediateSize > 0 && { immediateSize }) });
      const constants = { ...variant.overrides };
      const compute = { module, entryPoint: 'main', constants };
      const pipeline = await gpu.createComputePipelineAsync({ label, layout, compute }).catch((error) => {
        throw new GpuError(label, error.message);
      });
      return { label, pipeline, bindGroupLayout, variant };
    });
  }
}

/** Declares a kernel; see KernelSpec. */
export function defineKernel<const S extends KernelSpec>(spec: S): Kernel<S> {
  return new Kernel(spec);
}

function merge<T>(
  kernel: string,
  what: string,
  defaults: Readonly<Record<string, T>> = {},
  choice: Readonly<Record<string, T>> = {},
): Readonly<Record<string, T>> {
  for (const name of Object.keys(choice)) {
    if (Object.hasOwn(defaults, name)) continue;
    throw new KernelError(kernel, `has no ${what} ${name}; it has: ${Object.keys(defaults).join(', ') || 'none'}`);
  }
  return { ...defaults, ...choice };
}

/** `matmul[GELU W_F16 ROWS=8 WG=32]` */
function labelOf(kernel: string, variant: Variant): string {
  const on = Object.entries(variant.conditions).flatMap(([name, value]) => (value ? [name] : []));
  const numbers = Object.entries({ ...variant.constants, ...variant.overrides }).map(([name, n]) => `${name}=${n}`);
  return `${kernel}[${[...on, ...numbers].join(' ')}]`;
}

function orderTensors<S extends KernelSpec>(
  spec: S,
  tensors: Readonly<Record<string, Tensor>>,
): (readonly [string, Tensor])[] {
  return Object.keys(spec.bindings).map((name) => {
    const tensor = tensors[name];
    if (!tensor) throw new KernelError(spec.name, `tensor ${name} is missing`);
    return [name, tensor];
  });
}

function packParams(spec: KernelSpec, dims: Dims): Uint32Array | null {
  const entries = Object.entries(spec.params);
  if (entries.length === 0) return null;
  const words = new Uint32Array(entries.length);
  const floats = new Float32Array(words.buffer);
  entries.forEach(([name, type]: [string, ScalarType], i) => {
    const value = dims[name];
    if (value === undefined) throw new KernelError(spec.name, `scalar ${name} is missing`);
    if (type === 'f32') floats[i] = value;
    else words[i] = value;
  });
  return words;
}
