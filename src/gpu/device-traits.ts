// Traits of a device: the few facts that kernels choose their variants by, whoever opened it.
import type { AdapterIdentity } from './adapter.ts';
import type { DeviceOptions } from './device-options.ts';
import { ownReduction, type ReductionClass } from './reduction.ts';

/** Identity of a device in reports and caches. */
export interface DeviceIdentity extends AdapterIdentity {
  readonly reduction: ReductionClass;
}

/** Properties of a device that kernels may rely on when they choose a variant. */
export interface DeviceTraits {
  /** Lanes of the narrowest subgroup, or 0 where subgroups can't be used. */
  readonly minSubgroupSize: number;
  /** Shaders may `enable f16;`. */
  readonly f16: boolean;
  /** Most invocations of a workgroup: 256, or what the device was opened for. */
  readonly maxWorkgroupInvocations: number;
  /** GPU time can be measured. */
  readonly timestamps: boolean;
  /** A software adapter: few wide lanes on a CPU. */
  readonly isSoftware: boolean;
  /** As WebGPU names it, such as `nvidia`; empty where it does not. */
  readonly vendor: string;
  /** Order in which every kernel sums. */
  readonly reduction: ReductionClass;
}

/** Device without any optional feature. */
export const PLAIN_TRAITS: DeviceTraits = {
  minSubgroupSize: 0,
  f16: false,
  maxWorkgroupInvocations: 256,
  timestamps: false,
  isSoftware: false,
  vendor: '',
  reduction: 'software',
};

/**
 * Derives the traits of an open device.
 *
 * @param info description of its adapter by WebGPU.
 * @param features `base` for none of its optional features.
 * @param reduction the class that its kernels are to have; its own kind's when absent.
 */
export function traitsOf(
  gpu: GPUDevice,
  info: Partial<GPUAdapterInfo>,
  { isSoftware }: Pick<AdapterIdentity, 'isSoftware'>,
  { features = 'auto', reduction = ownReduction({ isSoftware }) }: Pick<DeviceOptions, 'features' | 'reduction'>,
): DeviceTraits {
  const has = (feature: GPUFeatureName) => features === 'auto' && gpu.features.has(feature);
  return {
    minSubgroupSize: has('subgroups') ? (info.subgroupMinSize ?? 0) : 0,
    f16: gpu.features.has('shader-f16'),
    maxWorkgroupInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
    timestamps: has('timestamp-query'),
    isSoftware,
    vendor: info.vendor ?? '',
    reduction,
  };
}
