// The GPUDevice of a device: requested of an adapter, or the caller's, with the same rule for what is required of it.
import { findAdapter } from '#platform';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, nearestName } from '../util/keys.ts';
import { quote } from '../util/quote.ts';
import { type AdapterIdentity, identityOf } from './adapter.ts';
import type { DeviceOptions } from './device-options.ts';
import { RequirementError } from './errors.ts';

/** A GPUDevice and whose it is. */
export interface OpenedGpu {
  readonly gpu: GPUDevice;
  readonly identity: AdapterIdentity;
  /** Description of the adapter by WebGPU, read once: the caller's adapter may be gone later. */
  readonly info: Partial<GPUAdapterInfo>;
  /** It ends with the device that is made of it. */
  readonly isOwned: boolean;
}

/** Adapter or device that something is required of. */
interface Offer {
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
}

const OPTIONAL_FEATURES = ['subgroups', 'timestamp-query', 'shader-f16'] as const;
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const;

/**
 * Opens or takes a GPUDevice.
 *
 * @throws AdapterError when no adapter fits; RequirementError for a feature or limit that it lacks; RangeValueError for an
 * unknown limit, and an option that does not go with `gpu`.
 */
export async function openGpu(options: DeviceOptions): Promise<OpenedGpu> {
  const { features = 'auto', gpu, ownsGpu, requiredFeatures = [], requiredLimits = {} } = options;
  if (gpu !== undefined) return takeGpu(gpu, options);
  if (ownsGpu !== undefined) throw new RangeValueError('ownsGpu', ownsGpu, 'to be left out without gpu');
  const { adapter: name, backend, zeroWorkgroupMemory } = options;
  const { adapter, identity } = await findAdapter({ adapter: name, backend, zeroWorkgroupMemory });
  checkRequired(`adapter ${identity.name}`, adapter, options);
  const isWanted = (feature: string): feature is GPUFeatureName =>
    requiredFeatures.includes(feature) ||
    (features === 'auto' && OPTIONAL_FEATURES.some((optional) => optional === feature));
  const limits: Record<string, number> = {};
  if (features === 'auto') for (const limit of RAISED_LIMITS) limits[limit] = adapter.limits[limit];
  const requested = await adapter.requestDevice({
    label: 'roseinfer',
    requiredFeatures: [...adapter.features].filter(isWanted),
    requiredLimits: { ...limits, ...requiredLimits },
  });
  return { gpu: requested, identity, info: adapter.info, isOwned: true };
}

function takeGpu(gpu: GPUDevice, options: DeviceOptions): OpenedGpu {
  for (const key of ['adapter', 'backend', 'zeroWorkgroupMemory'] as const) {
    if (options[key] === undefined) continue;
    throw new RangeValueError(key, options[key], 'to be left out with gpu, whose adapter is chosen already');
  }
  const info = gpu.adapterInfo ?? {};
  const identity = identityOf(info);
  checkRequired(`gpu on ${identity.name}`, gpu, options);
  return { gpu, identity, info, isOwned: options.ownsGpu === true };
}

/** @throws RequirementError with what there is; RangeValueError for a name of no limit. */
function checkRequired(whose: string, { features, limits }: Offer, options: DeviceOptions): void {
  const { requiredFeatures = [], requiredLimits = {} } = options;
  const known = [...features].sort();
  for (const feature of requiredFeatures) {
    if (features.has(feature)) continue;
    const nearest = nearestName(feature, known);
    const hint = nearest === undefined ? '' : ` (did you mean ${quote(nearest)}?)`;
    const message = `requiredFeatures has ${quote(feature)}, ${whose} has ${known.join(', ') || 'none'}${hint}`;
    throw new RequirementError(message, feature, true, false);
  }
  checkKeys('requiredLimits', requiredLimits, Object.fromEntries(limitNames(limits).map((name) => [name, true])));
  for (const [name, required] of Object.entries(requiredLimits)) {
    const available = Number(Reflect.get(limits, name));
    // An alignment is the better the smaller it is.
    if (name.startsWith('min') ? required >= available : required <= available) continue;
    const bound = name.startsWith('min') ? 'at least' : 'at most';
    const message = `requiredLimits.${name} is ${required}, expected ${bound} the ${available} of ${whose}`;
    throw new RequirementError(message, name, required, available);
  }
}

/** Names of limits: getters of a class, so that they are no own keys. */
function limitNames(limits: GPUSupportedLimits): string[] {
  const names: string[] = [];
  for (const name in limits) if (typeof Reflect.get(limits, name) === 'number') names.push(name);
  return names;
}
