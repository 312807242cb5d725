// Debian's mesa-drm-shim: a library that answers Mesa's AMD driver as the kernel would with a GPU of some family. The
// driver compiles for that GPU then; what is submitted does nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RangeValueError } from '../../src/util/errors.ts';

/** One GPU of each generation whose compiled code differs: GCN 4 and 5, RDNA 1 to 3. */
export const FAMILIES = ['polaris10', 'vega10', 'navi10', 'navi21', 'navi31'] as const;

/** Name of a GPU that the shim stands in for. */
export type Family = (typeof FAMILIES)[number];

/** Installed files that simulate a GPU. */
export interface DrmShim {
  readonly library: string;
  /** Manifest of Mesa's Vulkan driver for AMD. */
  readonly manifest: string;
}

const LIBRARIES = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].map((folder) =>
  join(folder, 'libamdgpu_noop_drm_shim.so'),
);
const MANIFESTS = ['radeon_icd.json', 'radeon_icd.x86_64.json', 'radeon_icd.aarch64.json'].map((file) =>
  join('/usr/share/vulkan/icd.d', file),
);

/** Finds the shim and the driver, or returns a line that names the paths at which one of them is missing. */
export function findShim(exists: (path: string) => boolean = existsSync): DrmShim | string {
  const [library, manifest] = [LIBRARIES.find(exists), MANIFESTS.find(exists)];
  if (library === undefined) return `none of ${LIBRARIES.join(', ')} is there`;
  if (manifest === undefined) return `none of ${MANIFESTS.join(', ')} is there`;
  return { library, manifest };
}

/** Environment of a process whose only GPU is one of the family, and to which the driver prints what it compiles. */
export function shimEnv({ library, manifest }: DrmShim, family: Family): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: library,
    AMDGPU_GPU_ID: family,
    VK_DRIVER_FILES: manifest,
    RADV_DEBUG: 'shaderstats,asm,nocache',
  };
}

/** Refuses all but the families. @throws RangeValueError */
export function parseFamily(name: string): Family {
  const family = FAMILIES.find((each) => each === name);
  if (family === undefined) throw new RangeValueError('family', name, `one of ${FAMILIES.join(', ')}`);
  return family;
}
