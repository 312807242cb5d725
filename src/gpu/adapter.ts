// Adapters as a user names them: one is found by part of its name, or refused with the names there are.
import { createRequire } from 'node:module';
import { create } from 'webgpu';
import { unsetEmpty, variable } from '../util/environment.ts';
import { type Checks, checkOptions, text } from '../util/option-checks.ts';
import { AdapterError } from './errors.ts';

/** Which adapter to open. */
export interface AdapterChoice {
  /** Substring of the adapter's name, upper or lower case; the first that matches is taken. */
  readonly adapter?: string | undefined;
  /** Dawn backend: `vulkan`, `metal`, `d3d12`, …; the platform's usual ones when absent. */
  readonly backend?: string | undefined;
}

/** Identity of an adapter in reports and caches. */
export interface AdapterIdentity {
  readonly name: string;
  readonly backend: string;
  readonly driver: string;
  readonly isSoftware: boolean;
  /** Version of the npm package `webgpu`, i.e. of Dawn. */
  readonly webgpu: string;
}

const CHOICE: Checks<AdapterChoice> = { adapter: text, backend: text };

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

/**
 * Dawn, by what it was created for. It lives as long as the object that `create` returned: dropping it while a device is
 * open crashes the process. Each writes warnings about an adapter's limits to stderr when it first looks for adapters, so
 * a device that is opened later finds the one that has done so.
 */
const instances = new Map<string, GPU>();

/** The adapter that was found and the backend that answered. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly identity: AdapterIdentity;
}

/**
 * Finds an adapter.
 *
 * @throws AdapterError when none answers (with what was tried and what to do) or none has the given name (with the
 * names there are); RangeValueError for an unknown key, or a value that is no text.
 */
export async function findAdapter(choice: AdapterChoice = {}): Promise<FoundAdapter> {
  checkOptions('choice of an adapter', choice, CHOICE);
  const backends = backendsOf(choice);
  const names: string[] = [];
  for (const backend of backends) {
    for (const name of await adapterNames(backend)) {
      names.push(name);
      if (choice.adapter && !name.toLowerCase().includes(choice.adapter.toLowerCase())) continue;
      const adapter = await requestAdapter(backend, name);
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
  checkOptions('choice of an adapter', choice, CHOICE);
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

function requestAdapter(backend: string, name: string): Promise<GPUAdapter | null> {
  DRIVER_VARIABLES.forEach(unsetEmpty);
  const key = JSON.stringify([backend, name, ...DRIVER_VARIABLES.map(variable)]);
  let gpu = instances.get(key);
  if (gpu === undefined) {
    gpu = create([`backend=${backend}`, `adapter=${name}`, `disable-dawn-features=${DISABLED.join()}`]);
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
