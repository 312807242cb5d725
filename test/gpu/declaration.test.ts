// Declarations of kernels and choices of variants by callers without TypeScript: each wrong value is refused by name.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, readPacked, type Sizes, write } from '../../src/gpu/kernel-spec.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { time } from '../../src/timing/time.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const spec = {
  name: 'scale',
  bindings: { x: read('N'), w: readPacked('N', 3), y: write.f16('N', ({ N }: Sizes<'N'>) => N) },
  params: { N: 'u32', a: 'f32' },
  extras: ['count'],
  tunables: { LANES: [32, 64] },
  overrides: () => ({ LANES: 64 }),
  workgroups: () => [1, 1, 1],
  cost: () => ({ bytes: 0, flops: 0 }),
};

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'no error';
}

describe('a declaration', () => {
  const refusal = (changes: object) => messageOf(() => Reflect.apply(defineKernel, null, [{ ...spec, ...changes }]));

  test('of the right keys passes', () => {
    expect(refusal({})).toBe('no error');
    for (const kernel of [matmul, layernorm]) expect(refusal(kernel.spec)).toBe('no error');
    expect(refusal({ params: undefined, extras: undefined, cost: undefined })).toBe('no error');
  });

  test.each<[object, RegExp]>([
    [{ override: () => ({}) }, /^key of kernel is "override", expected one of .*\(did you mean "overrides"\?\)$/],
    [{ workgroup: () => [1, 1, 1] }, /did you mean "workgroups"/],
    [{ tuneables: {} }, /did you mean "tunables"/],
    [{ name: '' }, /^: name is "", expected a text$/],
    [{ name: 7 }, /^kernel: name is 7, expected a text$/],
    [{ source: 7 }, /^scale: source is 7, expected a text$/],
    [{ shader: null }, /^scale: shader is null, expected a text, or texts with 'otherwise'$/],
    [{ shader: { FAST: 'fast' } }, /^scale: shader is an object, expected a text, or texts with 'otherwise'$/],
    [{ modules: { gelu: 7 } }, /^scale: module gelu is 7, expected a text$/],
    [{ workgroups: [1, 1, 1] }, /^scale: workgroups is \[1, 1, 1\], expected a function$/],
    [{ workgroups: undefined }, /^scale: workgroups is undefined, expected a function$/],
    [{ cost: 0 }, /^scale: cost is 0, expected a function$/],
    [{ accepts: true }, /^scale: accepts is true, expected a function$/],
    [{ supports: 'all' }, /^scale: supports is "all", expected a function$/],
    [{ overrides: { LANES: 64 } }, /^scale: overrides is an object, expected a function$/],
    [{ bindings: [] }, /^scale: bindings is \[\], expected an object$/],
    [{ bindings: undefined }, /^scale: bindings is undefined, expected an object$/],
    [{ bindings: { x: 'N' } }, /^scale: binding x is "N", expected what read, write or readPacked makes$/],
    [{ bindings: { x: read } }, /^scale: binding x is function, expected what read, write or readPacked makes$/],
    [
      { bindings: { x: { ...read('N'), type: 'f32' } } },
      /^key of binding x of scale is "type", expected one of access/,
    ],
    [{ bindings: { x: { ...read('N'), access: 'write' } } }, /^scale: binding x has access "write", expected/],
    [
      { bindings: { x: { ...read('N'), dtype: 'float32' } } },
      /^scale: binding x: dtype is "float32", expected one of f32/,
    ],
    [{ bindings: { x: { ...read('N'), shape: 'N' } } }, /^scale: binding x has shape "N", expected/],
    [{ bindings: { x: read(-1) } }, /^scale: binding x has size -1, expected a letter/],
    [{ bindings: { x: read('2N') } }, /^scale: binding x has size "2N", expected a letter/],
    [{ params: { N: 'i64' } }, /^scale: param N is "i64", expected one of u32, i32, f32$/],
    [{ params: 7 }, /^scale: params is 7, expected an object$/],
    [{ defaults: { b: 0 } }, /^scale: has no scalar b; it has: N, a, count$/],
    [{ defaults: { a: '0' } }, /^scale: default of a is "0", expected a number$/],
    [{ extras: 'count' }, /^scale: extras is "count", expected names$/],
    [{ tunables: { LANES: 32 } }, /^scale: tunable LANES is 32, expected numbers$/],
    [{ tunables: { LANES: [] } }, /^scale: tunable LANES is \[\], expected numbers$/],
    [{ tunables: { LANES: ['32'] } }, /^scale: tunable LANES is \["32"\], expected numbers$/],
  ])('with %o is refused', (changes, message) => {
    expect(refusal(changes)).toMatch(message);
  });

  test.each([undefined, null, 7, 'scale', []])('%o is refused', (given) => {
    expect(messageOf(() => Reflect.apply(defineKernel, null, [given]))).toMatch(/^kernel is .*, expected an object$/);
  });
});

describe('a choice', () => {
  test.each<[unknown, RegExp]>([
    [{ condition: { GELU: true } }, /^key of choice of matmul is "condition".*did you mean "conditions"/],
    [{ ROWS: 2 }, /^key of choice of matmul is "ROWS", expected one of conditions, constants, overrides$/],
    [7, /^choice of matmul is 7, expected an object$/],
    [null, /^choice of matmul is null, expected an object$/],
    [{ conditions: 'GELU' }, /^matmul: conditions are "GELU", expected an object$/],
    [{ conditions: { GELU: 1 } }, /^matmul: condition GELU is 1, expected true or false$/],
    [{ conditions: { GELU: 'false' } }, /^matmul: condition GELU is "false", expected true or false$/],
    [{ constants: { ROWS: '2' } }, /^matmul: constant ROWS is "2", expected a number$/],
    [{ constants: { ROWS: Number.NaN } }, /^matmul: constant ROWS is NaN, expected a number$/],
    [{ overrides: { LANES: null } }, /^matmul: override LANES is null, expected a number$/],
    [{ conditions: { toString: true } }, /^matmul: has no condition toString; it has: /],
  ])('of %o is refused', (choice, message) => {
    expect(messageOf(() => Reflect.apply(matmul.variant, matmul, [device.traits, choice]))).toMatch(message);
  });

  test('of a kernel that is run, timed or linked is checked alike', async () => {
    const choice = JSON.parse('{ "condition": {} }');
    await expect(matmul.wgsl(device, choice)).rejects.toThrow('key of choice of matmul is "condition"');
    await expect(matmul.build(device, choice)).rejects.toThrow('key of choice of matmul is "condition"');
  });
});

test.each<[string, RegExp]>([
  ['{ "run": 3 }', /^key of options of time is "run", expected one of .*did you mean "runs"/],
  ['7', /^options of time is 7, expected an object$/],
  ['{ "runs": "3" }', /^runs is "3", expected an integer from 1 on$/],
])('time with %s is refused', async (options, message) => {
  await expect(Reflect.apply(time, null, [device, layernorm, {}, {}, JSON.parse(options)])).rejects.toThrow(message);
});

test.each<[string, RegExp]>([
  ['{ "feature": "base" }', /^key of options of a device is "feature", expected one of .*did you mean "features"/],
  ['{ "features": "Base" }', /^features is "Base", expected one of auto, base$/],
  ['{ "adapter": 5 }', /^adapter is 5, expected a text$/],
  ['{ "backend": ["vulkan"] }', /^backend is \["vulkan"\], expected a text$/],
  ['null', /^options of a device is null, expected an object$/],
])('a device with %s is refused', async (options, message) => {
  await expect(Device.open(JSON.parse(options))).rejects.toThrow(message);
});
