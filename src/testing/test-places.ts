// Places where a check runs a kernel besides the caller's device: subgroups of other sizes, and other adapters. They are opened when
// they are first asked for, and close with the device.
import { lavapipeSettings, ownLavapipeSize, startProcess } from '#processes';
import type { Device } from '../gpu/device.ts';
import type { DeviceOptions } from '../gpu/device-options.ts';
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Variant } from '../gpu/kernel-spec.ts';
import { LinkedShaders } from '../gpu/linked-shaders.ts';
import type { LinkedShader } from '../gpu/shader-linker.ts';
import { DeviceRunner } from './device-runner.ts';
import type { JobRunner } from './job.ts';

/** A device, of this process or another. */
export interface TestPlace {
  /** For messages; null for the caller's device. */
  readonly label: string | null;
  readonly traits: DeviceTraits;
  readonly runner: JobRunner;
  /** Floats are rounded as on the caller's device, so that bits may be compared. */
  readonly sameArithmetic: boolean;
}

/** Beginning of the names of lavapipe's adapters; the width of its vectors follows. */
const LAVAPIPE = 'llvmpipe';
/** Sizes of lavapipe's subgroups, whose lanes are the f32 elements of a vector. */
const LAVAPIPE_SIZES = [4, 8, 16];

/** Parts that checks on a device share: places, and the linked shaders of kernels. */
export class TestBench {
  readonly own: TestPlace;
  readonly #device: Device;
  readonly #others = new Map<string, Promise<TestPlace | string>>();
  readonly #linked = new WeakMap<Kernel, LinkedShaders>();

  constructor(device: Device) {
    this.#device = device;
    const { traits } = device;
    this.own = { label: null, traits, runner: new DeviceRunner(device), sameArithmetic: true };
  }

  /** Links a variant once, and compares it with the declaration. */
  linked(kernel: Kernel, variant: Variant): Promise<LinkedShader> {
    const shaders = this.#linked.get(kernel) ?? new LinkedShaders(kernel.spec);
    this.#linked.set(kernel, shaders);
    return shaders.get(variant);
  }

  /** The subgroup sizes that the adapter has besides its own; for each that can't be had, the reason. */
  async otherSizes(): Promise<(TestPlace | string)[]> {
    const { identity, traits } = this.#device;
    if (!identity.name.startsWith(LAVAPIPE)) return [];
    const own = traits.minSubgroupSize || ownLavapipeSize();
    const sizes = LAVAPIPE_SIZES.filter((size) => size !== own);
    return await Promise.all(
      sizes.map((size) =>
        this.#place(
          `subgroups of ${size}`,
          { adapter: LAVAPIPE, backend: identity.backend },
          size,
          lavapipeSettings(size),
        ),
      ),
    );
  }

  /** Other adapters by name; for each that can't be opened, the reason. */
  async adapters(names: readonly string[]): Promise<(TestPlace | string)[]> {
    return await Promise.all(names.map((adapter) => this.#place(adapter, { adapter }, null, {})));
  }

  #place(
    label: string,
    choice: DeviceOptions,
    size: number | null,
    env: Readonly<Record<string, string>>,
  ): Promise<TestPlace | string> {
    let opening = this.#others.get(label);
    if (!opening) {
      opening = this.#open(label, choice, size, env).catch((error) => `${label}: ${error.message}`);
      this.#others.set(label, opening);
    }
    return opening;
  }

  async #open(
    label: string,
    choice: DeviceOptions,
    size: number | null,
    env: Readonly<Record<string, string>>,
  ): Promise<TestPlace | string> {
    const { traits } = this.#device;
    const features = traits.minSubgroupSize === 0 ? 'base' : 'auto';
    const options: DeviceOptions = { ...choice, features, reduction: traits.reduction };
    const runner = await startProcess(options, env);
    this.#device.own(runner);
    const { minSubgroupSize } = runner;
    if (size !== null && minSubgroupSize !== 0 && minSubgroupSize !== size) {
      return `${label}: the adapter has subgroups of ${minSubgroupSize} whatever its settings`;
    }
    return { label, traits: { ...traits, minSubgroupSize }, runner, sameArithmetic: size !== null };
  }
}

const benches = new WeakMap<Device, TestBench>();

/** The bench of a device, made for its first check. */
export function benchOf(device: Device): TestBench {
  const bench = benches.get(device) ?? new TestBench(device);
  benches.set(device, bench);
  return bench;
}
