// The platform of a browser, tried here with a `navigator.gpu` of Dawn.
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import * as node from '../../src/gpu/platform-node.ts';
import * as web from '../../src/gpu/platform-web.ts';
import { errorOf } from '../support/error-of.ts';

afterEach(() => vi.unstubAllGlobals());

async function withAdapter(info: Partial<GPUAdapterInfo> | null): Promise<void> {
  const requestAdapter = async () => info && { info };
  vi.stubGlobal('navigator', { userAgent: 'Browser/1', gpu: { requestAdapter } });
}

test('it offers what the platform of Node does', () => {
  expectTypeOf(web).toExtend<typeof node>();
  expectTypeOf(node).toExtend<typeof web>();
  expect(Object.keys(web).sort()).toEqual(Object.keys(node).sort());
});

describe('the adapter of a browser', () => {
  test('is found and named', async () => {
    await withAdapter({ vendor: 'nvidia', architecture: 'ampere', device: '', description: '' });
    const { identity } = await web.findAdapter({ adapter: 'NVIDIA' });
    expect(identity).toEqual({
      name: 'nvidia ampere',
      backend: 'webgpu',
      driver: 'unknown',
      isSoftware: false,
      webgpu: 'Browser/1',
    });
    expect(await web.listAdapters()).toEqual(new Map([['webgpu', ['nvidia ampere']]]));
    expect(web.webgpuVersion()).toBe('Browser/1');
  });

  test.each([
    [{ adapter: 'amd' }, 'no adapter named like "amd"; there is: nvidia ampere'],
    [{ backend: 'vulkan' }, 'no backend "vulkan" here: the browser chooses, leave it out'],
    [
      { zeroWorkgroupMemory: false },
      'zeroWorkgroupMemory is false, but a browser zeroes workgroup memory: leave it out',
    ],
    [{ adapters: 'a' }, 'key of choice of an adapter is "adapters", expected one of adapter, backend'],
  ])('of %j is refused by name', async (choice, message) => {
    await withAdapter({ vendor: 'nvidia', architecture: 'ampere' });
    expect(String(await errorOf(() => Reflect.apply(web.findAdapter, null, [choice])))).toContain(message);
  });

  test('that does not answer is an error, and none in a list', async () => {
    await withAdapter(null);
    expect(String(await errorOf(() => web.findAdapter()))).toContain(
      'no WebGPU adapter answered: the browser has none',
    );
    expect(await web.listAdapters()).toEqual(new Map([['webgpu', []]]));
  });

  test('of a browser without WebGPU is an error that says where there is one', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Browser/1' });
    const error = await errorOf(() => web.findAdapter());
    expect(String(error)).toContain('no WebGPU here: navigator.gpu is undefined; browsers have it on pages of https');
    expect(await web.listAdapters()).toEqual(new Map([['webgpu', []]]));
  });
});

test('threads of a page have no priority to change', () => {
  using held = web.lowPriority.hold();
  expect(held).toBeDefined();
});
