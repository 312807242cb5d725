// Errors in a shader of a user's own, reported at its author's lines.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { ShaderError } from '../../src/gpu/shader-error.ts';
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

  async function errorOf(kernel: Kernel): Promise<unknown> {
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
    ['import package::halves::halv;', 25, "no exported 'halv' in module 'package::halves'", '^^^^'],
    ['import package::halvs::halv;', 17, "module not found for 'package::halvs::halv'", '^^^^^'],
  ])(
    'a misspelt import shows its own line, not the one where it is used: %s',
    async (imports, column, message, carets) => {
      const error = await errorOf(kernelOf('y[0] = halv(x[0]);', imports, { halves: HALF }));
      expect(error).toMatchObject({ file: 'source', line: 1, column });
      expect(String(error).split('\n')).toEqual([
        `ShaderError: mine: source:1:${column}: ${message}`,
        `  1 | ${imports}`,
        `    | ${' '.repeat(column - 1)}${carets}`,
      ]);
    },
  );

  test('a path that is not imported and does not exist shows where it is used', async () => {
    const error = await errorOf(kernelOf('y[0] = package::halves::halv(x[0]);', undefined, { halves: HALF }));
    expect(error).toMatchObject({ file: 'source', line: 6, column: 10 });
  });

  test('an unresolved name and a syntax error show line and caret', async () => {
    expect(String(await errorOf(kernelOf('y[0] = nothing;')))).toBe(
      "ShaderError: mine: source:6:10: unresolved identifier 'nothing'\n  6 |   y[0] = nothing;\n    |          ^^^^^^^",
    );
    expect(await errorOf(kernelOf('y[0] = 1 + ;'))).toMatchObject({ file: 'source', line: 6 });
  });

  test('a misspelt condition or constant shows line, caret and the declared names', async () => {
    const { spec } = kernelOf('@if(BIG && FASTT) y[0] = constants::SICE;');
    const kernel = defineKernel({
      ...spec,
      conditions: () => ({ BIG: true, FAST: false }),
      constants: () => ({ SIZE: 1 }),
    });
    expect(String(await errorOf(kernel)).split('\n')).toEqual([
      'ShaderError: mine: source:6:14: condition FASTT is not declared, expected one of BIG, FAST, SIZE (did you mean "FAST"?)',
      '  6 |   @if(BIG && FASTT) y[0] = constants::SICE;',
      '    |              ^^^^^',
    ]);
    expect(String(await errorOf(kernelOf('y[0] = constants::SIZE;')))).toBe(
      'ShaderError: mine: source:6:21: constant SIZE is not declared, expected no constant\n' +
        '  6 |   y[0] = constants::SIZE;\n    |                     ^^^^',
    );
  });

  test('a condition of an imported module counts, and is not taken for false where it is misspelt', async () => {
    const halves = 'fn half(x: f32) -> f32 {\n  @if(QUARTER) return x / 4;\n  @else return x / 2;\n}';
    const { spec } = kernelOf('y[0] = half(x[0]);', 'import package::halves::half;', { halves });
    expect(await errorOf(defineKernel({ ...spec, conditions: () => ({ QUARTER: true }) }))).toBeNull();
    const error = await errorOf(defineKernel({ ...spec, conditions: () => ({ QARTER: true }) }));
    expect(error).toMatchObject({ file: 'module halves', line: 2, column: 7 });
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
