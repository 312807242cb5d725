// The platform of Node, Bun and Deno: adapters of Dawn through the npm package `webgpu`, which is loaded when the first one is
// looked for, so that a program with a device of its own does without.
import { createRequire } from 'node:module';
import { unsetEmpty, variable } from '../util/environment.ts';
import { type AdapterChoice, type AdapterIdentity, checkChoice, type FoundAdapter, isNamed } from './adapter.ts';
import { AdapterError } from './errors.ts';

export { lowPriority } from './host-priority.ts';

const PLATFORM_BACKENDS: Readonly<Record<string, readonly string[]>> = {
  darwin: ['metal'],
  win32: ['d3d12', 'vulkan'],
};
const DEFAULT_BACKENDS: readonly string[] = ['vulkan'];

/** Where the Vulkan loader looks for drivers; empty, it would find none. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;

/** Dawn's default toggles that are switched off. */
const DISABLED = [
  // Rounds timestamps to 65.5 µs.
  'timestamp_quantization',
  // Writes a whole buffer at its first use, and so takes memory that is only reserved. `Tensor.create` clears.
  'lazy_clear_resource_on_first_use',
];

/** Dawn's toggle for workgroup memory that is not zeroed. */
const UNZEROED = 'disable_workgroup_init';

/**
 * Dawn, by what it was created for. It lives as long as the object that `create` returned: dropping it while a device is
 * open crashes the process. Each writes warnings about an adapter's limits to stderr when it first looks for adapters, so
 * a device that is opened later finds the one that has done so.
 */
const instances = new Map<string, GPU>();

/**
 * Finds an adapter.
 *
 * @throws AdapterError when none answers (with what was tried and what to do) or none has the given name (with the
 * names there are); RangeValueError for an unknown key, or a value of another type.
 */
export async function findAdapter(choice: AdapterChoice = {}): Promise<FoundAdapter> {
  checkChoice(choice);
  const { zeroWorkgroupMemory = true } = choice;
  const backends = backendsOf(choice);
  const names: string[] = [];
  for (const backend of backends) {
    for (const name of await adapterNames(backend)) {
      names.push(name);
      if (!isNamed(name, choice)) continue;
      const adapter = await requestAdapter(backend, name, zeroWorkgroupMemory ? [] : [UNZEROED]);
      if (adapter) return { adapter, identity: identify(adapter, backend, name) };
    }
  }
  if (names.length > 0 && choice.adapter) {
    throw new AdapterError(`no adapter named like "${choice.adapter}"; there are: ${names.join(', ')}`, backends);
  }
  throw new AdapterError(
    `no WebGPU adapter answered (tried: ${backends.join(', ')}${driverHint()}); ` +
      '`npm run setup` installs a software Vulkan driver where it can',
    backends,
  );
}

/**
 * Names of the adapters that each backend has, for the backends that `findAdapter` would try.
 *
 * @throws RangeValueError as `findAdapter`.
 */
export async function listAdapters(choice: AdapterChoice = {}): Promise<ReadonlyMap<string, readonly string[]>> {
  checkChoice(choice);
  const names = new Map<string, readonly string[]>();
  for (const backend of backendsOf(choice)) names.set(backend, await adapterNames(backend));
  return names;
}

function backendsOf({ backend }: AdapterChoice): readonly string[] {
  return backend ? [backend] : (PLATFORM_BACKENDS[process.platform] ?? DEFAULT_BACKENDS);
}

function driverHint(): string {
  const name = DRIVER_VARIABLES.find((each) => variable(each) !== undefined);
  return name === undefined ? '' : `, with ${name}=${variable(name)}`;
}

/**
 * Names of a backend's adapters. WebGPU has no list, but Dawn's answer to a name that no adapter has is one: each line
 * ends in `name: '…'`.
 */
async function adapterNames(backend: string): Promise<string[]> {
  try {
    await requestAdapter(backend, '(list)');
    return [];
  } catch (error) {
    return [...String(error).matchAll(/name: '(.*)'$/gm)].flatMap((match) => match[1] ?? []);
  }
}

/** @param enabled toggles of Dawn. */
async function requestAdapter(
  backend: string,
  name: string,
  enabled: readonly string[] = [],
): Promise<GPUAdapter | null> {
  DRIVER_VARIABLES.forEach(unsetEmpty);
  const key = JSON.stringify([backend, name, enabled, ...DRIVER_VARIABLES.map(variable)]);
  let gpu = instances.get(key);
  if (gpu === undefined) {
    const { create } = await import('webgpu');
    const toggles = [`disable-dawn-features=${DISABLED.join()}`, `enable-dawn-features=${enabled.join()}`];
    gpu = instances.get(key) ?? create([`backend=${backend}`, `adapter=${name}`, ...toggles]);
    instances.set(key, gpu);
  }
  return gpu.requestAdapter();
}

/** Version of the npm package `webgpu`, i.e. of Dawn. */
export function webgpuVersion(): string {
  return String(createRequire(import.meta.url)('webgpu/package.json').version);
}

function identify(adapter: GPUAdapter, backend: string, name: string): AdapterIdentity {
  return {
    name,
    backend,
    driver: adapter.info.description || adapter.info.device || 'unknown',
    isSoftware: adapter.info.isFallbackAdapter === true,
    webgpu: webgpuVersion(),
  };
}
