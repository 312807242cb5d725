// A kernel's declaration against its shader: each contradiction is reported with both lists or the line, when a variant is
// first built.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { GpuError, KernelError } from '../../src/gpu/errors.ts';
import { defineKernel, Kernel } from '../../src/gpu/kernel.ts';
import { read } from '../../src/gpu/kernel-spec.ts';
import { ShaderError } from '../../src/gpu/shader-error.ts';
import { shaderOf } from '../../src/gpu/shader-names.ts';
import { attention } from '../../src/kernels/attention/attention.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { mutant } from '../support/kernels/mutant.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('a kernel that its shader contradicts prints both lists:', () => {
  const { spec } = layernorm;
  const { x, gamma, beta, out } = spec.bindings;

  test('bindings in another order', async () => {
    const swapped = defineKernel({ ...spec, bindings: { gamma, x, beta, out } });
    await expect(swapped.build(device)).rejects.toThrow(
      'layernorm: bindings of the shader are ' +
        '[0.0 x: read f32; 0.1 gamma: read f32; 0.2 beta: read f32; 0.3 out: read_write f32], the kernel declares ' +
        '[0.0 gamma: read f32; 0.1 x: read f32; 0.2 beta: read f32; 0.3 out: read_write f32]',
    );
  });

  test.each([
    { what: 'an element type', bindings: { x: read.i32('M', 'C'), gamma, beta, out }, list: '[0.0 x: read i32;' },
    { what: 'an access', bindings: { x, gamma, beta, out: read('M', 'C') }, list: '0.3 out: read f32]' },
    { what: 'a missing binding', bindings: { x, gamma, beta }, list: '0.2 beta: read f32]' },
  ])('$what', async ({ bindings, list }) => {
    const kernel = defineKernel({ ...spec, bindings });
    const error = await kernel.build(device).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KernelError);
    expect(String(error)).toContain('the kernel declares [0.0 x');
    expect(String(error)).toContain(list);
  });

  test('a condition that is misspelt in the shader', async () => {
    const kernel = mutant(gatherRows, [['out[global.y', '@if(RESIDUALL) out[global.y']]);
    await expect(kernel.build(device)).rejects.toThrow(
      'gather_rows: module gather_rows:14:7: condition RESIDUALL is not declared, expected no condition',
    );
  });

  test('a condition or constant that the shader does not use', async () => {
    const conditions = defineKernel({ ...gatherRows.spec, conditions: () => ({ W_F16: false }) });
    await expect(conditions.build(device)).rejects.toThrow(
      '@if conditions of the shader are [], the kernel declares [W_F16]',
    );
    const constants = defineKernel({ ...gatherRows.spec, constants: () => ({ ROWS: 1 }) });
    await expect(constants.build(device)).rejects.toThrow('constants of the shader are [], the kernel declares [ROWS]');
  });

  test('a name that is a condition and a constant', async () => {
    const kernel = defineKernel({
      ...gatherRows.spec,
      conditions: () => ({ ROWS: false }),
      constants: () => ({ ROWS: 1 }),
    });
    await expect(kernel.build(device)).rejects.toThrow('ROWS is a condition and a constant, expected one of them');
  });

  test.each(['KV_WRITE', 'KV_F16'])('a matmul with %s, which needs bindings that it has not', async (name) => {
    await expect(matmul.build(device, { conditions: { [name]: true } })).rejects.toThrow(
      `matmul: ${name} is true, which only matmulKVWrite can be`,
    );
  });
});

describe('a shader for each algorithm', () => {
  const { shader: _, ...spec } = attention.spec;
  const choice = (SUBGROUPS: boolean) => ({ constants: { LANES: 8 }, conditions: { SUBGROUPS } });

  test('is the file of the condition that holds, else the other', async () => {
    const traits = { ...device.traits, minSubgroupSize: 8 };
    const files = [true, false].map((on) => shaderOf(attention.spec, attention.variant(traits, choice(on))));
    expect(files).toEqual(['attention_subgroup', 'attention_shared']);
    expect(await attention.wgsl(device, choice(false))).toContain('var<workgroup> scores');
  });

  test('must be chosen by what the kernel declares', async () => {
    const kernel = new Kernel({ ...spec, shader: { SUBGROUP: 'attention_subgroup', otherwise: 'attention_shared' } });
    await expect(kernel.build(device)).rejects.toThrow(
      /shader are .*, the kernel declares \[KV_F16; SPLIT; SUBGROUPS\]$/,
    );
  });
});

describe('a shader', () => {
  test('that is not there is named', async () => {
    const kernel = defineKernel({ ...gatherRows.spec, shader: 'nothing' });
    await expect(kernel.build(device)).rejects.toThrow('gather_rows: no shader file shaders/nothing.wgsl');
  });

  test('that imports what is not there does not link, and shows the import', async () => {
    const kernel = mutant(matmul, [['import package::activation', 'import package::activations']]);
    await expect(kernel.build(device, { conditions: { GELU: true } })).rejects.toThrow(
      /^matmul: module matmul_epilogue:\d+:\d+: module not found for 'package::activations::gelu'\n/,
    );
  });

  test('that is wrong WGSL gives a ShaderError with the label of kernel and variant, each time', async () => {
    const kernel = mutant(gatherRows, [['x[u32(rows[global.y])', 'x[vec2f(1.0)']]);
    for (let n = 0; n < 2; n++) {
      const error = await kernel.build(device).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ShaderError);
      expect(error).toMatchObject({ label: 'gather_rows[LANES=64]', file: 'module gather_rows' });
      expect(String(error)).toContain('vec2');
    }
  });

  test('that the driver refuses gives a GpuError too', async () => {
    const error = await gatherRows.build(device, { overrides: { LANES: 4096 } }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GpuError);
    expect(String(error)).toContain('gather_rows[LANES=4096]: ');
    expect(String(error)).toContain('4096');
  });
});
