// Description of the machine: versions, drivers and the adapter, each as far as it can be found.
import { findAdapter, listAdapters, webgpuVersion } from '#platform';
import type { DeviceOptions } from '../gpu/device-options.ts';
import { AdapterError } from '../gpu/errors.ts';
import { ownReduction, type ReductionClass } from '../gpu/reduction.ts';
import { variable } from '../util/environment.ts';
import { packageVersion } from '../util/package-info.ts';

/** Limits that decide what the kernels may do. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'minStorageBufferOffsetAlignment',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** Variables that tell the Vulkan loader which drivers there are. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_LOADER_DRIVERS_SELECT'] as const;

/** Machine, as far as it decides which kernels run and how. */
export interface Machine {
  readonly roseinfer: string;
  readonly node: string;
  readonly webgpu: string;
  /** Operating system and processor. */
  readonly platform: string;
  /** Version of glibc; null with another C library. */
  readonly glibc: string | null;
  /** Names of the adapters of each backend that was tried. */
  readonly backends: Readonly<Record<string, readonly string[]>>;
  readonly environment: Readonly<Record<string, string>>;
  /** The adapter that was chosen; null when there is none. */
  readonly adapter: AdapterFacts | null;
}

type DeviceChoice = Pick<DeviceOptions, 'adapter' | 'reduction'>;

interface AdapterFacts {
  readonly name: string;
  readonly backend: string;
  readonly driver: string;
  readonly isSoftware: boolean;
  /** Class of the device that is examined. */
  readonly reduction: ReductionClass;
  /** Lanes of the narrowest and the widest subgroup. */
  readonly subgroupSizes: readonly [number, number] | null;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Looks at the machine, and at the adapter as a device on it would be opened. That none answers is a finding, not an error. */
export async function describeMachine(options: DeviceChoice): Promise<Machine> {
  return {
    roseinfer: packageVersion(),
    node: process.versions.node,
    webgpu: webgpuVersion(),
    platform: `${process.platform} ${process.arch}`,
    glibc: glibcVersion(),
    backends: Object.fromEntries(await listAdapters()),
    environment: Object.fromEntries(
      DRIVER_VARIABLES.flatMap((name) => {
        const value = variable(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    adapter: await describeAdapter(options),
  };
}

async function describeAdapter({ adapter: choice, reduction }: DeviceChoice): Promise<AdapterFacts | null> {
  try {
    const { adapter, identity } = await findAdapter({ adapter: choice });
    const { subgroupMinSize, subgroupMaxSize } = adapter.info;
    return {
      name: identity.name,
      backend: identity.backend,
      driver: identity.driver,
      isSoftware: identity.isSoftware,
      reduction: reduction ?? ownReduction(identity),
      subgroupSizes: adapter.features.has('subgroups') ? [subgroupMinSize ?? 0, subgroupMaxSize ?? 0] : null,
      features: [...adapter.features].sort(),
      limits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit] ?? 0])),
    };
  } catch (error) {
    if (error instanceof AdapterError) return null;
    throw error;
  }
}

function glibcVersion(): string | null {
  const report: { header?: { glibcVersionRuntime?: string } } = process.report.getReport();
  return report.header?.glibcVersionRuntime ?? null;
}
