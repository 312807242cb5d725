// The platform of a browser, or of any other host with `navigator.gpu`: its one adapter. Nothing here is of Node.
import { type AdapterChoice, checkChoice, type FoundAdapter, identityOf, isNamed, WEBGPU_BACKEND } from './adapter.ts';
import { AdapterError } from './errors.ts';
import { SharedChange } from './shared-change.ts';

const TRIED = [WEBGPU_BACKEND];

/**
 * Finds the adapter.
 *
 * @throws AdapterError when there is no WebGPU, no adapter, or another than the one asked for; RangeValueError for an
 * unknown key, or a value of another type.
 */
export async function findAdapter(choice: AdapterChoice = {}): Promise<FoundAdapter> {
  checkChoice(choice);
  const { backend = WEBGPU_BACKEND, zeroWorkgroupMemory = true } = choice;
  if (backend !== WEBGPU_BACKEND) {
    throw new AdapterError(`no backend "${backend}" here: the browser chooses, leave it out`, TRIED);
  }
  if (!zeroWorkgroupMemory) {
    throw new AdapterError('zeroWorkgroupMemory is false, but a browser zeroes workgroup memory: leave it out', TRIED);
  }
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) {
    const where = 'browsers have it on pages of https and localhost, some behind a setting';
    throw new AdapterError(`no WebGPU here: navigator.gpu is ${gpu}; ${where}`, TRIED);
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new AdapterError(
      'no WebGPU adapter answered: the browser has none, or blocks the one of this machine',
      TRIED,
    );
  }
  const identity = identityOf(adapter.info);
  if (!isNamed(identity.name, choice)) {
    throw new AdapterError(`no adapter named like "${choice.adapter}"; there is: ${identity.name}`, TRIED);
  }
  return { adapter, identity };
}

/**
 * Names of the adapters: one, or none.
 *
 * @throws RangeValueError as `findAdapter`.
 */
export async function listAdapters(choice: AdapterChoice = {}): Promise<ReadonlyMap<string, readonly string[]>> {
  checkChoice(choice);
  const adapter = await globalThis.navigator?.gpu?.requestAdapter();
  return new Map([[WEBGPU_BACKEND, adapter ? [identityOf(adapter.info).name] : []]]);
}

/** The user agent, which names the browser's version. */
export function webgpuVersion(): string {
  return identityOf().webgpu;
}

/** The threads of a page have no priorities. */
export const lowPriority = new SharedChange(() => () => {});
