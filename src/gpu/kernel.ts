// A kernel as its callers have it: what is declared is checked once, each call against it, and every variant is compiled
// once a device.

import type { BoundOperands } from './bound-operands.ts';
import { checkDevice } from './check-device.ts';
import { checkSpec } from './check-spec.ts';
import { type BuiltKernel, compileKernel } from './compile-kernel.ts';
import { costOf } from './cost-of.ts';
import type { Device } from './device.ts';
import type { DeviceTraits } from './device-traits.ts';
import { withoutDirectives } from './directives.ts';
import type { Dispatch } from './dispatch.ts';
import { KernelError } from './errors.ts';
import { checkGrid } from './grid.ts';
import type {
  Bindings,
  ChoiceOf,
  Cost,
  Dims,
  DimsOf,
  KernelSpec,
  ScalarsOf,
  Solvable,
  TensorsOf,
  Variant,
  VariantChoice,
} from './kernel-spec.ts';
import { LinkedShaders } from './linked-shaders.ts';
import {
  bindOperands,
  type Operands,
  type Scalars,
  type ShapedOperand,
  shapeOperands,
  withDefaults,
  withPackedConditions,
} from './operands.ts';
import { packParams } from './pack-params.ts';
import { checkRunOptions, type PrintOptions, PrintRing, type Prints, type RunOptions } from './print.ts';
import { PRINT_RING, printingSpec } from './print-shader.ts';
import { Program } from './program.ts';
import { linkShader } from './shader-linker.ts';
import { checkAliasing, solveDims } from './shapes.ts';
import { combinations, completeVariant, neighboursOf } from './tunables.ts';
import { labelOf } from './variant-label.ts';

/** Checked dispatch of a variant that may not be built yet. */
export interface DispatchPlan extends Omit<Dispatch, 'pipeline' | 'operands'> {
  readonly operands: Omit<BoundOperands, 'bindGroupLayout'>;
}

/** Dispatch without a device: what is known from shapes and scalars. */
export interface SolvedDispatch {
  /** The caller's, with the conditions of the packed matrices. */
  readonly choice: VariantChoice;
  readonly variant: Variant;
  readonly scalars: Dims;
  /** Shape letters, scalars and constants. */
  readonly dims: Dims;
}

/** A kernel: its declaration, and the variants of it that each device has compiled. */
export class Kernel<S extends KernelSpec = KernelSpec> {
  readonly spec: S;
  readonly #shaders: LinkedShaders;
  readonly #built = new WeakMap<Device, Map<string, BuiltKernel | Promise<BuiltKernel>>>();
  /** The kernel that prints; null until it is asked to. */
  #printing: Kernel | null = null;

  /** @throws KernelError and RangeValueError for a declaration that is none; see `defineKernel`. */
  constructor(spec: S) {
    checkSpec(spec);
    this.spec = spec;
    this.#shaders = new LinkedShaders(spec);
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
    return completeVariant(this.spec, traits, choice);
  }

  /**
   * The variant that needs no optional feature of WebGPU.
   *
   * @param fixed what it is to have all the same, such as the storage type of a weight.
   * @throws as `variant`.
   */
  base(traits: DeviceTraits, fixed: ChoiceOf<S> = {}): Variant {
    return completeVariant(this.spec, { ...traits, minSubgroupSize: 0 }, fixed);
  }

  /** Every combination of the values of the tunables that a device can run; one empty choice where there are none. */
  variants(traits: DeviceTraits): ChoiceOf<S>[];
  variants(traits: DeviceTraits): VariantChoice[] {
    return combinations(this.spec, traits);
  }

  /** A choice, and then those that differ from it in one tunable and that a device can run. */
  neighbours(traits: DeviceTraits, choice: ChoiceOf<S>): ChoiceOf<S>[];
  neighbours(traits: DeviceTraits, choice: VariantChoice): VariantChoice[] {
    return neighboursOf(this.spec, traits, choice);
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

  /**
   * Work of one dispatch.
   *
   * @param dims the sizes that it depends on, by shape letter, scalar or constant.
   * @param choice what its loads may depend on; what it leaves out is that of a device without optional features.
   * @throws KernelError that names a size that it needs and did not get, and for a kernel that states no cost.
   */
  cost(dims: DimsOf<S>, choice?: ChoiceOf<S>): Cost;
  cost(dims: Dims, choice: VariantChoice = {}): Cost {
    return costOf(this.spec, dims, choice);
  }

  /**
   * Plain WGSL of a variant, imports and conditions resolved: what the driver gets.
   *
   * @throws KernelError, as `variant`, and when the shader is missing or does not link.
   */
  async wgsl(device: Device, choice?: ChoiceOf<S>): Promise<string> {
    const { wgsl } = await linkShader(this.spec, this.variant(device.traits, choice));
    return withoutDirectives(wgsl, device.refusedDirectives);
  }

  /**
   * Compiles a variant, once per device.
   *
   * @throws KernelError, as `variant`, and when the shader and the spec differ; GpuError when the driver refuses it.
   */
  async build(device: Device, choice?: ChoiceOf<S>): Promise<BuiltKernel> {
    checkDevice(device);
    const variant = this.variant(device.traits, choice);
    const label = labelOf(this.spec.name, variant);
    const variants = this.#variants(device);
    const known = variants.get(label);
    if (known) return known;
    const building = compileKernel(device, this.spec, variant, this.#shaders);
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
   * Checks the shapes of tensors, and scalars, and solves the letters: all that there is to know of a dispatch without a
   * device. Tensors may be shapes alone.
   *
   * @throws KernelError that names the kernel and the tensor or scalar, what was expected and what was given.
   *
   * @internal
   */
  solve(traits: DeviceTraits, tensors: TensorsOf<S>, scalars: ScalarsOf<S>, choice?: ChoiceOf<S>): SolvedDispatch;
  solve(traits: DeviceTraits, tensors: Operands, scalars: Scalars, given?: VariantChoice): SolvedDispatch {
    const { spec } = this;
    const choice = withPackedConditions(spec, tensors, given);
    const variant = completeVariant(spec, traits, choice);
    const dims = acceptedDims(spec, shapeOperands(spec, tensors), scalars, variant);
    return { choice, variant, scalars: withDefaults(spec, scalars), dims };
  }

  /**
   * Checks tensors and scalars and plans a dispatch of them, whose variant may be built later.
   *
   * @throws KernelError that names the kernel and the tensor or scalar, what was expected and what was given.
   *
   * @internal
   */
  plan(device: Device, tensors: TensorsOf<S>, scalars: ScalarsOf<S>, choice?: ChoiceOf<S>): DispatchPlan;
  plan(device: Device, tensors: Operands, scalars: Scalars, choice?: VariantChoice): DispatchPlan {
    const { spec } = this;
    const operands = bindOperands(device, spec, tensors);
    const variant = completeVariant(spec, device.traits, withPackedConditions(spec, tensors, choice));
    const dims = acceptedDims(spec, operands, scalars, variant);
    checkAliasing(spec, operands);
    const workgroups = spec.workgroups(dims, variant);
    const { maxComputeWorkgroupsPerDimension: maxGroups, maxStorageBufferBindingSize: maxBytes } = device.gpu.limits;
    checkGrid(spec.name, workgroups, operands, maxGroups);
    const ranges = operands.map(({ name, range }) => {
      if (range.size <= maxBytes) return range;
      throw new KernelError(spec.name, `${name} takes ${range.size} bytes, the adapter binds at most ${maxBytes}`);
    });
    const label = labelOf(spec.name, variant);
    const cost = spec.cost?.(dims, variant) ?? null;
    return { label, operands: { label, ranges, params: packParams(spec, dims) }, workgroups, dims, cost };
  }

  /**
   * Makes the dispatch that was planned.
   *
   * @throws KernelError when its variant was not built.
   *
   * @internal
   */
  bind(device: Device, plan: DispatchPlan): Dispatch {
    const built = this.#variants(device).get(plan.label);
    if (!built || built instanceof Promise) throw new KernelError(plan.label, 'used before it was built');
    const { pipeline, bindGroupLayout } = built;
    return { ...plan, pipeline, operands: { ...plan.operands, bindGroupLayout } };
  }

  /**
   * Checks tensors and scalars and makes a dispatch of them. The variant must have been built: nothing compiles here.
   *
   * @throws KernelError that names the kernel and the tensor or scalar, what was expected and what was given.
   */
  dispatch(device: Device, tensors: TensorsOf<S>, scalars: ScalarsOf<S>, choice?: ChoiceOf<S>): Dispatch {
    return this.bind(device, this.plan(device, tensors, scalars, choice));
  }

  /**
   * Builds the variant if need be, runs it once and returns when it has been submitted.
   *
   * @param tensors one for each binding of the spec, by name; a packed matrix where it asks for one.
   * @param scalars numbers by name: params that no tensor's shape determines, and extras; those with defaults may be left out.
   * @param choice what differs from the kernel's defaults for the device.
   * @throws KernelError, as `build` and `dispatch`; GpuError when the driver refuses something; DeviceLostError.
   */
  run(
    device: Device,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
    options?: RunOptions & { readonly print?: false | undefined },
  ): Promise<void>;
  /**
   * Runs the variant that prints, waits for it and returns what it printed; `formatPrints` makes a text of that.
   *
   * @throws RangeValueError for an unknown option or value; KernelError for a kernel of which nothing prints, and for one that
   * binds as many storage buffers as the device allows; as the other `run`.
   */
  run(
    device: Device,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice: ChoiceOf<S> | undefined,
    options: RunOptions & { readonly print: PrintOptions | true },
  ): Promise<Prints>;
  async run(
    device: Device,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
    options: RunOptions = {},
  ): Promise<unknown> {
    checkDevice(device);
    const print = checkRunOptions(choice, options);
    bindOperands(device, this.spec, tensors);
    if (print !== null) return this.#runPrinting(device, { tensors, scalars, choice }, print);
    await this.build(device, this.choiceFor(tensors, choice));
    await device.checked(this.spec.name, () => {
      using program = new Program(device, this.spec.name, [this.dispatch(device, tensors, scalars, choice)]);
      program.submit();
    });
    return undefined;
  }

  async #runPrinting(
    device: Device,
    { tensors, scalars, choice }: { tensors: Operands; scalars: Scalars; choice: VariantChoice | undefined },
    print: PrintOptions,
  ): Promise<Prints> {
    using ring = new PrintRing(device, this.spec, print);
    this.#printing ??= new Kernel(printingSpec(this.spec));
    const operands: Record<string, Operands[string]> = { ...tensors, [PRINT_RING]: ring.tensor };
    await this.#printing.run(device, operands, Object.fromEntries(Object.entries(scalars)), choice);
    return await ring.read();
  }

  #variants(device: Device): Map<string, BuiltKernel | Promise<BuiltKernel>> {
    const known = this.#built.get(device);
    if (known) return known;
    const variants = new Map<string, BuiltKernel | Promise<BuiltKernel>>();
    this.#built.set(device, variants);
    return variants;
  }
}

/** Solves the letters of operands. @throws KernelError for shapes, scalars or sizes that the kernel does not accept. */
function acceptedDims(spec: KernelSpec, operands: readonly ShapedOperand[], scalars: Scalars, variant: Variant): Dims {
  const dims = solveDims(spec, operands, { ...variant.constants, ...withDefaults(spec, scalars) });
  const wrong = spec.accepts?.(dims, variant);
  if (wrong) throw new KernelError(spec.name, wrong);
  return dims;
}

/**
 * Declares a kernel over a file in `shaders/`, or over WGSL of one's own (`source`); see KernelSpec. The shader is
 * compared with the declaration when a variant is first built, and each call's tensors and scalars are checked against it.
 *
 * @throws RangeValueError for an unknown key; KernelError for a value of another type than the key's.
 *
 * @example y[N] = a · x[N]
 * ```ts
 * import { defineKernel, openDevice, read, Tensor, write } from 'roseinfer/kernels';
 *
 * const scale = defineKernel({
 *   name: 'scale',
 *   source:
 *     '@group(0) @binding(0) var<storage, read> x: array<f32>;' +
 *     '@group(0) @binding(1) var<storage, read_write> y: array<f32>;' +
 *     '@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {' +
 *     '  if (id.x < params.N) { y[id.x] = params.a * x[id.x]; } }',
 *   bindings: { x: read('N'), y: write('N') },
 *   params: { N: 'u32', a: 'f32' },
 *   workgroups: ({ N }) => [Math.ceil(N / 64), 1, 1],
 * });
 * using device = await openDevice();
 * using x = Tensor.from(device, 'x', [1, 2, 3]);
 * using y = Tensor.create(device, 'y', 'f32', [3]);
 * await scale.run(device, { x, y }, { a: 2 });
 * console.log(await y.readF32());
 * ```
 */
export function defineKernel<
  const B extends Bindings,
  Params extends string = never,
  Extras extends string = never,
  Conditions extends string = never,
  Constants extends string = never,
  Overrides extends string = never,
  Defaults extends Params | Extras = never,
>(
  spec: KernelSpec<B, Params, Extras, Conditions, Constants, Overrides, Defaults> &
    Solvable<B, NoInfer<Params | Extras | Constants>>,
): Kernel<KernelSpec<B, Params, Extras, Conditions, Constants, Overrides, Defaults>> {
  return new Kernel<KernelSpec<B, Params, Extras, Conditions, Constants, Overrides, Defaults>>(spec);
}
