// The paths at which the shim is found, and the environment of a process that loads it.
import { expect, test } from 'vitest';
import { findShim, parseFamily, shimEnv } from './drm-shim.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/libamdgpu_noop_drm_shim.so';
const MANIFEST = '/usr/share/vulkan/icd.d/radeon_icd.json';

test('the shim is found with the driver', () => {
  const there = [LIBRARY, MANIFEST];
  expect(findShim((path) => there.includes(path))).toEqual({ library: LIBRARY, manifest: MANIFEST });
});

test('the line on a machine without them names what is missing', () => {
  expect(findShim(() => false)).toMatch(/^none of .*libamdgpu_noop_drm_shim\.so.* is there$/);
  expect(findShim((path) => path === MANIFEST)).toContain('libamdgpu_noop_drm_shim.so');
  expect(findShim((path) => path === LIBRARY)).toMatch(/^none of .*radeon_icd\.json.* is there$/);
});

test('a family is one that the shim is asked for by its name', () => {
  expect(parseFamily('navi31')).toBe('navi31');
  expect(() => parseFamily('navi99')).toThrow('family is "navi99", expected one of polaris10, vega10');
  expect(shimEnv({ library: LIBRARY, manifest: MANIFEST }, 'vega10')).toMatchObject({
    LD_PRELOAD: LIBRARY,
    AMDGPU_GPU_ID: 'vega10',
    VK_DRIVER_FILES: MANIFEST,
  });
});
