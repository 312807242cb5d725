// Options for a device, one table of checks: of one that is opened here, and of one that comes from elsewhere.
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, flag, oneOf } from '../util/option-checks.ts';
import { ADAPTER_CHOICE, type AdapterChoice } from './adapter.ts';
import { REDUCTION_CLASSES, type ReductionClass } from './reduction.ts';

/** How to open a device. */
export interface DeviceOptions extends AdapterChoice {
  /**
   * `auto` (default) uses the optional features that the adapter has; `base` uses none of them, as the simplest adapter
   * would: no subgroups, WebGPU's default limits.
   */
  readonly features?: 'auto' | 'base' | undefined;
  /** Reduction class of all kernels; the adapter's own kind when absent. */
  readonly reduction?: ReductionClass | undefined;
  /**
   * A GPUDevice from elsewhere, such as a browser's, Deno's own or one of another library, instead of one that is opened
   * here; `adapter`, `backend` and `zeroWorkgroupMemory` don't go with it. It stays the caller's: `close` frees what was made
   * on it here, and no more.
   */
  readonly gpu?: GPUDevice | undefined;
  /** Hands `gpu` over: `close` destroys it. Default false. */
  readonly ownsGpu?: boolean | undefined;
  /** Features of WebGPU that the device must have, whatever `features` is: refused by name where the adapter lacks one. */
  readonly requiredFeatures?: readonly string[] | undefined;
  /** Limits of WebGPU that the device must reach, whatever `features` is: refused by name where the adapter does not. */
  readonly requiredLimits?: Readonly<Record<string, number>> | undefined;
}

const DEVICE_METHODS = [
  'addEventListener',
  'createBindGroup',
  'createBindGroupLayout',
  'createBuffer',
  'createCommandEncoder',
  'createComputePipelineAsync',
  'createPipelineLayout',
  'createShaderModule',
  'destroy',
  'popErrorScope',
  'pushErrorScope',
] as const;

/** Any implementation's: no class of GPUDevice is the same in all of them. */
const gpuDevice: Check = {
  expected: 'a GPUDevice, as await adapter.requestDevice() gives',
  accepts: (value) => {
    const of = (name: string): unknown => Reflect.get(Object(value), name);
    const hasMethods = DEVICE_METHODS.every((name) => typeof of(name) === 'function');
    return hasMethods && ['queue', 'limits', 'features', 'lost'].every((name) => Object(of(name)) === of(name));
  },
};
const featureNames: Check = {
  expected: 'a list of names of features, such as ["shader-f16"]',
  accepts: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
};
const limitNumbers: Check = {
  expected: 'numbers ≥ 0 by names of limits, such as { maxComputeWorkgroupSizeX: 512 }',
  accepts: (value) =>
    isRecord(value) && Object.values(value).every((number) => Number.isSafeInteger(number) && Number(number) >= 0),
};

/** A check of each option. */
export const DEVICE_OPTIONS: Checks<DeviceOptions> = {
  ...ADAPTER_CHOICE,
  features: oneOf(['auto', 'base']),
  reduction: oneOf(REDUCTION_CLASSES),
  gpu: gpuDevice,
  ownsGpu: flag,
  requiredFeatures: featureNames,
  requiredLimits: limitNumbers,
};
