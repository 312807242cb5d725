// Errors in a shader of one's own, told in its author's lines.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { ShaderError } from '../../src/gpu/shader-errors.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';

const BINDINGS = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)`;

/** A kernel whose shader has these lines: `imports` the first, `body` the sixth. */
function kernelOf(body: string, imports = '// no imports', modules: Readonly<Record<string, string>> = {}) {
  return defineKernel({
    name: 'mine',
    source: `${imports}\n${BINDINGS}\nfn main() {\n  ${body}\n}`,
    modules,
    bindings: { x: read('N'), y: write('N') },
    params: { N: 'u32' },
    workgroups: () => [1, 1, 1],
    cost: () => ({ bytes: 0, flops: 0 }),
  });
}

const HALF = 'fn half(x: f32) -> f32 {\n  let two = 2u;\n  return x / two;\n}';

describe.each(['auto', 'base'] as const)('with %s features', (features) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ features });
  });
  afterAll(() => device.close());
  afterEach(() => vi.restoreAllMocks());

  async function errorOf(kernel: ReturnType<typeof kernelOf>): Promise<unknown> {
    return kernel.build(device).then(
      () => null,
      (error: unknown) => error,
    );
  }

  test("a type error shows the author's line and a caret under it", async () => {
    const error = await errorOf(kernelOf('y[0] = x[0] + params.N;'));
    expect(error).toBeInstanceOf(ShaderError);
    expect(error).toMatchObject({ kernel: 'mine', file: 'source', line: 6, column: 10 });
    const [first, line, carets] = String(error).split('\n');
    expect(first).toMatch(/^ShaderError: mine: source:6:10: no matching overload for 'operator \+ \(f32, u32\)'/);
    expect(line).toBe('  6 |   y[0] = x[0] + params.N;');
    expect(carets).toMatch(/^ {4}\| {10}\^+$/);
  });

  test("an error in an imported module of one's own names the module and its line", async () => {
    const error = await errorOf(kernelOf('y[0] = half(x[0]);', 'import package::halves::half;', { halves: HALF }));
    expect(error).toMatchObject({ file: 'module halves', line: 3, column: 10 });
    expect(String(error)).toContain('\n  3 |   return x / two;\n    |          ^');
  });

  test("a module in the place of one of the package's is named as the caller's", async () => {
    const broken = (shaderSources().activation ?? '').replace('exp(min(', 'exp_(min(');
    const kernel = kernelOf('y[0] = gelu_new(x[0]);', 'import package::activation::gelu_new;', { activation: broken });
    const error = await errorOf(kernel);
    expect(error).toMatchObject({ file: 'module activation' });
    expect(String(error)).toContain('exp_(min(');
  });

  test.each([
    ['import package::halves::halv;', "no exported 'halv' in module 'package::halves'"],
    ['import package::halvs::halv;', "module not found for 'package::halvs::halv'"],
  ])('a misspelt import shows where it is used: %s', async (imports, message) => {
    const error = await errorOf(kernelOf('y[0] = halv(x[0]);', imports, { halves: HALF }));
    expect(error).toMatchObject({ file: 'source', line: 6, column: 10 });
    expect(String(error).split('\n')).toEqual([
      `ShaderError: mine: source:6:10: ${message}`,
      '  6 |   y[0] = halv(x[0]);',
      '    |          ^^^^',
    ]);
  });

  test('an unresolved name and a syntax error show line and caret', async () => {
    expect(String(await errorOf(kernelOf('y[0] = nothing;')))).toBe(
      "ShaderError: mine: source:6:10: unresolved identifier 'nothing'\n  6 |   y[0] = nothing;\n    |          ^^^^^^^",
    );
    expect(await errorOf(kernelOf('y[0] = 1 + ;'))).toMatchObject({ file: 'source', line: 6 });
  });

  test('a misspelt condition or constant is compared with the declaration', async () => {
    const error = await errorOf(kernelOf('@if(FASTER) { y[0] = 1; }'));
    expect(error).toBeInstanceOf(KernelError);
    expect(String(error)).toContain('@if conditions of the shader are [FASTER], the kernel declares []');
    expect(String(await errorOf(kernelOf('y[0] = constants::SIZE;')))).toContain('constants of the shader are [SIZE]');
  });

  test('a scalar that the kernel does not declare is found where it is read', async () => {
    const error = await errorOf(kernelOf('y[0] = params.factor;'));
    expect(error).toMatchObject({ label: 'mine', file: 'source', line: 6 });
    expect(String(error)).toContain('struct member factor not found');
  });

  test("the compiler's further messages follow, each with its own place", async () => {
    const error = await errorOf(kernelOf('let a: u32 = 1; let a: u32 = 2;'));
    const lines = String(error).split('\n');
    expect(lines[0]).toMatch(/source:6:\d+: redeclaration of 'a'/);
    expect(lines).toContainEqual(expect.stringMatching(/^note: source:6:7: /));
  });

  test('an error comes again the second time, and the kernel mended builds beside it', async () => {
    const broken = kernelOf('y[0] = nothing;');
    const first = String(await errorOf(broken));
    expect(String(await errorOf(broken))).toBe(first);
    expect(await errorOf(kernelOf('y[0] = x[0] * f32(params.N);'))).toBeNull();
  });

  test('nothing is printed', async () => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    await Promise.all([
      errorOf(kernelOf('y[0] = nothing;')),
      errorOf(kernelOf('y[0] = halv(x[0]);', 'import package::halvs::halv;')),
      errorOf(kernelOf('y[0] = x[0];')),
    ]);
    expect(printed).not.toHaveBeenCalled();
  });
});
