// Adapters as a user names them. How they are found is the platform's matter: package.json names its file as `#platform`,
// by the condition `node` (which Bun and Deno set too) or, in a browser, without it.
import { type Checks, checkOptions, flag, text } from '../util/option-checks.ts';

/** Which adapter to open. */
export interface AdapterChoice {
  /** Substring of the adapter's name, upper or lower case; the first that matches is taken. */
  readonly adapter?: string | undefined;
  /** Dawn backend: `vulkan`, `metal`, `d3d12`, …; the platform's usual ones when absent. A browser has no choice. */
  readonly backend?: string | undefined;
  /**
   * False leaves in workgroup memory what it held, where WGSL wants zeros: for tests of shaders that read it before they
   * write it. Default true; a browser has no choice.
   */
  readonly zeroWorkgroupMemory?: boolean | undefined;
}

/** Identity of an adapter in reports and caches. */
export interface AdapterIdentity {
  readonly name: string;
  /** Dawn's backend; `webgpu` of a browser, and of a device from elsewhere. */
  readonly backend: string;
  readonly driver: string;
  readonly isSoftware: boolean;
  /** Version of the npm package `webgpu`, i.e. of Dawn; of a browser, and of a device from elsewhere, the user agent. */
  readonly webgpu: string;
}

/** The adapter that was found and the backend that answered. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly identity: AdapterIdentity;
}

/** A check of each part of the choice. */
export const ADAPTER_CHOICE: Checks<AdapterChoice> = { adapter: text, backend: text, zeroWorkgroupMemory: flag };

/** Backend of an adapter that WebGPU alone describes. */
export const WEBGPU_BACKEND = 'webgpu';

/** @throws RangeValueError for an unknown key, or a value of another type. */
export function checkChoice(choice: AdapterChoice): void {
  checkOptions('choice of an adapter', choice, ADAPTER_CHOICE);
}

/** Tells whether a name is the one that is asked for, upper or lower case. */
export function isNamed(name: string, { adapter }: AdapterChoice): boolean {
  return !adapter || name.toLowerCase().includes(adapter.toLowerCase());
}

/** Identifies an adapter by what WebGPU tells of it. Browsers leave most of it empty, and some hosts have no such object. */
export function identityOf(info: Partial<GPUAdapterInfo> = {}): AdapterIdentity {
  const { vendor, architecture, device, description, isFallbackAdapter } = info;
  const parts = [vendor, architecture, device].filter((part) => part !== undefined && part !== '');
  return {
    name: description || parts.join(' ') || 'unknown',
    backend: WEBGPU_BACKEND,
    driver: description || 'unknown',
    isSoftware: isFallbackAdapter === true,
    webgpu: globalThis.navigator?.userAgent ?? 'unknown',
  };
}
