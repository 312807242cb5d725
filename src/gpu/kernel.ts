// A kernel as its callers have it: what is declared is checked once, each call against it, and every variant is compiled
// once a device.
import { checkSpec } from './check-spec.ts';
import { type BuiltKernel, compileKernel } from './compile-kernel.ts';
import type { Device, DeviceTraits } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import { KernelError } from './errors.ts';
import { checkGrid } from './grid.ts';
import type {
  ChoiceOf,
  Cost,
  Dims,
  DimsOf,
  KernelSpec,
  ScalarsOf,
  ScalarType,
  TensorsOf,
  Variant,
  VariantChoice,
} from './kernel-spec.ts';
import { mergeChoice } from './merge-choice.ts';
import { bindOperands, checkScalars, type Operands, withPackedConditions } from './operands.ts';
import { Program } from './program.ts';
import { linkShader } from './shader-linker.ts';
import { solveDims } from './shapes.ts';
import { labelOf } from './variant-label.ts';

/** A variant without anything. */
const PLAIN: Variant = { conditions: {}, constants: {}, overrides: {} };

/** A kernel: its declaration, and the variants of it that each device has compiled. */
export class Kernel<S extends KernelSpec = KernelSpec> {
  readonly spec: S;
  readonly #built = new WeakMap<Device, Map<string, BuiltKernel | Promise<BuiltKernel>>>();

  /** @throws KernelError and RangeValueError for a declaration that is none; see `defineKernel`. */
  constructor(spec: S) {
    checkSpec(spec);
    this.spec = spec;
  }

  get name(): string {
    return this.spec.name;
  }

  /**
   * The full variant that a choice means on a device.
   *
   * @throws KernelError for a name that the kernel does not declare, a value of another type or not among those of a tunable,
   * and a variant that the device can't run; RangeValueError for a choice of unknown keys.
   */
  variant(traits: DeviceTraits, choice: ChoiceOf<S> = {}): Variant {
    const { spec } = this;
    const variant = mergeChoice(spec, traits, choice);
    const numbers: Readonly<Record<string, number>> = { ...variant.constants, ...variant.overrides };
    for (const [name, allowed] of Object.entries(spec.tunables ?? {})) {
      const value = numbers[name];
      if (value !== undefined && allowed.includes(value)) continue;
      throw new KernelError(spec.name, `${name} is ${value}, expected one of ${allowed.join(', ')}`);
    }
    const wrong = spec.checkVariant?.(variant, traits);
    if (wrong) throw new KernelError(spec.name, wrong);
    return variant;
  }

  /**
   * The choice that a call means: that of the caller, with the conditions under which the kernel reads the packed matrices
   * among the operands.
   *
   * @throws KernelError for a choice that contradicts one of them.
   */
  choiceFor(tensors: TensorsOf<S>, choice?: ChoiceOf<S>): ChoiceOf<S>;
  choiceFor(tensors: Operands, choice?: VariantChoice): VariantChoice {
    return withPackedConditions(this.spec, tensors, choice);
  }

  /** Every combination of the values of the tunables that a device can run; one empty choice where there are none. */
  variants(traits: DeviceTraits): ChoiceOf<S>[];
  variants(traits: DeviceTraits): VariantChoice[] {
    const { spec } = this;
    const kinds = mergeChoice(spec, traits, {});
    let choices: VariantChoice[] = [{}];
    for (const [name, values] of Object.entries(spec.tunables ?? {})) {
      const kind = Object.hasOwn(kinds.constants, name) ? 'constants' : 'overrides';
      choices = choices.flatMap((choice) =>
        values.map((value) => ({ ...choice, [kind]: { ...choice[kind], [name]: value } })),
      );
    }
    return choices.filter((choice) => !spec.checkVariant?.(mergeChoice(spec, traits, choice), traits));
  }

  /**
   * What one dispatch has to do.
   *
   * @param dims the sizes that it depends on, by shape letter or scalar.
   * @param variant what its loads may depend on, as `variant` gives it; without it, all off and 1.
   * @throws KernelError that names a size that it needs and did not get.
   */
  cost(dims: DimsOf<S>, variant?: Variant): Cost;
  cost(dims: Dims, variant: Variant = PLAIN): Cost {
    const { name, cost } = this.spec;
    const required = new Proxy(dims, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (value === undefined) throw new KernelError(name, `cost needs the size ${String(key)}`);
        return value;
      },
    });
    return cost(required, variant);
  }

  /**
   * Plain WGSL of a variant, imports and conditions resolved: what the driver gets.
   *
   * @throws KernelError, as `variant`, and when the shader is missing or does not link.
   */
  async wgsl(device: Device, choice?: ChoiceOf<S>): Promise<string> {
    return (await linkShader(this.spec, this.variant(device.traits, choice), device.traits.immediates)).wgsl;
  }

  /**
   * Compiles a variant, once per device.
   *
   * @throws KernelError, as `variant`, and when the shader and the spec differ; GpuError when the driver refuses it.
   */
  async build(device: Device, choice?: ChoiceOf<S>): Promise<BuiltKernel> {
    const variant = this.variant(device.traits, choice);
    const label = labelOf(this.spec.name, variant);
    const variants = this.#variants(device);
    const known = variants.get(label);
    if (known) return known;
    const building = compileKernel(device, this.spec, variant);
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
  dispatch(device: Device, tensors: TensorsOf<S>, scalars: ScalarsOf<S>, choice?: ChoiceOf<S>): Dispatch {
    const { spec } = this;
    const operands = bindOperands(device, spec, tensors);
    const variant = this.variant(device.traits, this.choiceFor(tensors, choice));
    const built = this.#variants(device).get(labelOf(spec.name, variant));
    if (!built || built instanceof Promise)
      throw new KernelError(labelOf(spec.name, variant), 'used before it was built');
    checkScalars(spec, scalars);
    const values: Record<string, number> = { ...variant.constants, ...scalars };
    const dims = solveDims(spec, operands, values);
    const wrong = spec.check?.(dims, variant);
    if (wrong) throw new KernelError(spec.name, wrong);
    const workgroups = spec.workgroups(dims, variant);
    const { maxComputeWorkgroupsPerDimension: maxGroups, maxStorageBufferBindingSize: maxBytes } = device.gpu.limits;
    checkGrid(spec.name, workgroups, operands, maxGroups);
    const ranges = operands.map(({ name, range }) => {
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
      cost: spec.cost(dims, variant),
    };
  }

  /**
   * Builds the variant if need be, runs it once and returns when it has been submitted.
   *
   * @param tensors one for each binding of the spec, by name; a packed matrix where it asks for one.
   * @param scalars numbers by name: params that no tensor's shape determines, and extras.
   * @param choice what differs from the kernel's defaults for the device.
   * @throws KernelError, as `build` and `dispatch`; GpuError when the driver refuses something; DeviceLostError.
   */
  async run(device: Device, tensors: TensorsOf<S>, scalars: ScalarsOf<S>, choice?: ChoiceOf<S>): Promise<void> {
    bindOperands(device, this.spec, tensors);
    await this.build(device, this.choiceFor(tensors, choice));
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
}

/**
 * Declares a kernel over a file in `shaders/`, or over WGSL of one's own (`source`); see KernelSpec. The shader is
 * compared with the declaration when a variant is first built, and each call's tensors and scalars are checked against it.
 *
 * @throws RangeValueError for an unknown key; KernelError for a value of another type than the key's.
 */
export function defineKernel<const S extends KernelSpec>(spec: S): Kernel<S> {
  return new Kernel(spec);
}

function packParams(spec: KernelSpec, dims: Dims): Uint32Array | null {
  const entries = Object.entries(spec.params);
  if (entries.length === 0) return null;
  const words = new Uint32Array(entries.length);
  const kinds = {
    u32: { array: words, holds: (value: number) => value >>> 0 === value },
    // Rounded, but never to infinity.
    f32: {
      array: new Float32Array(words.buffer),
      holds: (value: number) => Number.isFinite(Math.fround(value)) === Number.isFinite(value),
    },
  };
  entries.forEach(([name, type]: [string, ScalarType], i) => {
    const value = dims[name];
    if (value === undefined) throw new KernelError(spec.name, `scalar ${name} is missing`);
    const { array, holds } = kinds[type];
    if (!holds(value)) throw new KernelError(spec.name, `scalar ${name} is ${value}, expected ${type}`);
    array[i] = value;
  });
  return words;
}
