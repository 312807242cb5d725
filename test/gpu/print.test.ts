// Lines that shaders print: which lanes print which values, in which order, and what is said where they can't.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { formatPrints } from '../../src/gpu/print.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import { checkPrints } from '../support/kernels/print-checks.ts';

/** Returns the error of a run that must fail. */
async function errorOf(run: Promise<unknown>): Promise<Error> {
  const error: unknown = await run.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error('expected an error');
}

const LANES = 4;
const BINDINGS = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;`;

interface Shader {
  readonly head?: string;
  readonly parameters?: string;
  readonly body?: string;
  readonly modules?: Readonly<Record<string, string>>;
}

/** y = x · a, with `body` before it. */
function kernelOf({ head = '', parameters = '@builtin(global_invocation_id) id: vec3u', body = '', modules }: Shader) {
  return defineKernel({
    name: 'mine',
    source: `${head}
${BINDINGS}
@compute @workgroup_size(2, 2)
fn main(${parameters}) {
  ${body}
  y[0] = x[0] * params.a;
}`,
    ...(modules && { modules }),
    bindings: { x: read('N'), y: write('N') },
    params: { N: 'u32', a: 'f32' },
    workgroups: ({ N }) => [2, N / 8, 1],
  });
}

describe.each(['auto', 'base'] as const)('with %s features', (features) => {
  let device: Device;
  let tensors: { readonly x: Tensor; readonly y: Tensor };
  beforeAll(async () => {
    device = await Device.open({ features });
    const x = Tensor.from(device, 'x', new Float32Array(16).fill(0.1));
    tensors = { x, y: Tensor.create(device, 'y', 'f32', [16]) };
  });
  afterAll(() => device.close());

  const printed = (kernel: Kernel, print: Parameters<Kernel['run']>[4]['print'] & (object | true) = true) =>
    kernel.run(device, { ...tensors }, { a: 2 }, undefined, { print });

  test('every lane prints, and lines come by workgroup and lane, each with its type', async () => {
    const body = `@if(DEBUG) {
      print_u32(1, id.x + 10u * id.y);
      print_i32(0, -i32(id.x));
      print_f32(1, x[0]);
    }`;
    const { lines, lost } = await printed(kernelOf({ body }), { tags: ['minus'] });
    expect(lost).toBe(0);
    const want = [];
    // Grid [2, 2, 1] of workgroups of 2 × 2.
    for (const [wx, wy] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      for (let lane = 0; lane < LANES; lane++) {
        const [lx, ly] = [lane % 2, Math.floor(lane / 2)];
        const place = { workgroup: [wx, wy, 0], lane, local: [lx, ly, 0] };
        const [x, y] = [2 * wx + lx, 2 * wy + ly];
        want.push({ ...place, tag: 1, name: 'tag 1', type: 'u32', value: x + 10 * y });
        want.push({ ...place, tag: 0, name: 'minus', type: 'i32', value: 0 - x });
        want.push({ ...place, tag: 1, name: 'tag 1', type: 'f32', value: Math.fround(0.1) });
      }
    }
    expect(lines).toEqual(want);
  });

  test('the kernel computes what it computes without, and both ways in turn', async () => {
    const kernel = kernelOf({ body: '@if(DEBUG) print_f32(0, params.a);' });
    const computes = async (run: Promise<unknown>) => {
      await run;
      expect((await tensors.y.readF32())[0]).toBe(Math.fround(Math.fround(0.1) * 3));
      tensors.y.write(new Float32Array(16));
    };
    for (let n = 0; n < 2; n++) {
      await computes(kernel.run(device, tensors, { a: 3 }, undefined, { print: {} }));
      await computes(kernel.run(device, tensors, { a: 3 }, undefined, { print: false }));
    }
  });

  test.each<[string, Shader]>([
    ['no parameter', { parameters: '' }],
    [
      'all three values',
      {
        parameters:
          '@builtin(local_invocation_index) print: u32, @builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) l: vec3<u32>,',
      },
    ],
    [
      'a struct of them',
      {
        head: 'struct In { @builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) i: u32 }',
        parameters: 'in: In',
      },
    ],
    [
      'a struct and a value',
      {
        head: 'struct In { @builtin(workgroup_id) w: vec3u }',
        parameters: 'in: In, @builtin(local_invocation_id) l: vec3u',
      },
    ],
  ])('a main with %s prints its lanes', async (_, shader) => {
    const { lines } = await printed(kernelOf({ ...shader, body: '@if(DEBUG) print_u32(7, 5u);' }));
    expect(lines.map(({ workgroup: [x, y], lane }) => [x, y, lane])).toEqual(
      [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 1],
      ].flatMap((workgroup) => [0, 1, 2, 3].map((lane) => [...workgroup, lane])),
    );
    expect(new Set(lines.map(({ local }) => local.join()))).toEqual(new Set(['0,0,0', '1,0,0', '0,1,0', '1,1,0']));
  });

  test("modules of one's own print, too, and those that they import", async () => {
    const modules = {
      outer: 'import package::inner::inner;\nfn outer(i: u32) -> u32 { @if(DEBUG) print_u32(1, i); return inner(i); }',
      inner: 'fn inner(i: u32) -> u32 { let print_lane = i; @if(DEBUG) print_f32(2, f32(print_lane)); return i; }',
    };
    const head = 'import package::outer::outer;';
    const kernel = kernelOf({ head, body: 'let i = outer(id.x);', modules });
    const { lines } = await printed(kernel, { only: { workgroup: 1, lane: 1 } });
    expect(lines.map(({ tag, value }) => [tag, value])).toEqual([
      [1, 3],
      [2, 3],
    ]);
  });

  test('every lane of a grid of three dimensions prints its place, alone and with others', () => checkPrints(device));

  test('and the check finds lanes that are not told apart', async () => {
    const print = (shaderSources().print ?? '').replace('print_local.z', 'print_local.y');
    const replace = (kernel: Kernel) => defineKernel({ ...kernel.spec, modules: { print } });
    await expect(checkPrints(device, replace)).rejects.toThrow('only {}, room for 432 of 432');
  });

  test("a text of the package in another's place prints in variants with and without subgroups", async () => {
    const text = (shaderSources().layernorm ?? '').replace(
      /(fn main\([\s\S]*?\{)/,
      '$1\n  @if(DEBUG) print_u32(0, 1u);',
    );
    const kernel = defineKernel({ ...layernorm.spec, source: text });
    const [x, out] = [
      Tensor.from(device, 'x', new Float32Array(12), [3, 4]),
      Tensor.create(device, 'out', 'f32', [3, 4]),
    ];
    const [gamma, beta] = [Tensor.create(device, 'gamma', 'f32', [4]), Tensor.create(device, 'beta', 'f32', [4])];
    const { lines } = await kernel.run(device, { x, gamma, beta, out }, { eps: 1 }, undefined, { print: true });
    expect(new Set(lines.map(({ workgroup: [row] }) => row)).size).toBeGreaterThan(0);
  });

  test('one more line than there is room for is counted', async () => {
    const kernel = kernelOf({ body: '@if(DEBUG) print_u32(0, id.x);' });
    const full = await printed(kernel, { capacity: 16 });
    expect([full.lines.length, full.lost]).toEqual([16, 0]);
    const more = await printed(kernel, { capacity: 15 });
    expect([more.lines.length, more.lost]).toEqual([15, 1]);
    expect(formatPrints(more)).toMatch(
      /\n1 more lines found no room: a larger capacity, or only, keeps those that matter$/,
    );
  });

  test.each([
    [{ workgroup: 1 }, 4],
    [{ workgroup: [1, 1] }, 4],
    [{ workgroup: [1, 1, 0], lane: 2 }, 1],
    [{ lane: 3 }, 4],
    [{ workgroup: [0, 0, 1] }, 0],
    [{}, 16],
  ])('only %o prints, and takes no room of others', async (only, count) => {
    const kernel = kernelOf({ body: '@if(DEBUG) print_u32(0, id.x);' });
    const { lines, lost } = await printed(kernel, { only, capacity: 16 });
    expect([lines.length, lost]).toEqual([count, 0]);
    const workgroup = 'workgroup' in only ? [only.workgroup].flat() : [];
    for (const line of lines) {
      expect(line.workgroup.slice(0, workgroup.length)).toEqual(workgroup);
      if ('lane' in only) expect(line.lane).toBe(only.lane);
    }
  });

  test('nothing is left on the device', async () => {
    const kernel = kernelOf({ body: '@if(DEBUG) print_u32(0, id.x);' });
    const before = [device.liveBuffers, device.liveBytes];
    await printed(kernel);
    await errorOf(printed(kernelOf({})));
    expect([device.liveBuffers, device.liveBytes]).toEqual(before);
  });

  test("an error in a statement that prints shows its author's line", async () => {
    const kernel = kernelOf({ parameters: '', body: '@if(DEBUG) print_f32(0, 1u);' });
    const error = await errorOf(printed(kernel));
    expect(error).toMatchObject({ file: 'source', line: 6 });
    const [first, line, carets] = error.message.split('\n');
    expect(first).toMatch(/^mine: source:6:27: type mismatch for argument 2 in call to 'print_f32'/);
    expect(line).toBe('  6 |   @if(DEBUG) print_f32(0, 1u);');
    expect(carets).toBe(`    |${' '.repeat(27)}^^`);
  });

  test.each<[string, Shader, RegExp]>([
    ['nothing that prints', {}, /^mine: prints nothing, expected @if\(DEBUG\) print_f32\(tag, value\);/],
    ['DEBUG and no print', { body: '@if(DEBUG) y[1] = 0;' }, /^mine: prints nothing/],
    [
      'a print of its own',
      { head: 'fn print_u32(tag: u32, value: u32) {}', body: '@if(DEBUG) print_u32(0, 1u);' },
      /^mine: the shader declares print_u32, but print does: leave it out$/,
    ],
    ['a text for a tag', { body: '@if(DEBUG) print_u32("acc", 1u);' }, /^mine: source:6:\d+: /],
    ['one argument', { body: '@if(DEBUG) print_u32(1u);' }, /^mine: source:6:\d+: too few arguments/],
    ['print_f16', { body: '@if(DEBUG) print_f16(0, 1);' }, /^mine: source:6:\d+: unresolved identifier 'print_f16'/],
    [
      'a misspelt condition',
      { body: '@if(DEBUGG) print_u32(0, 1u);' },
      /^mine: source:6:7: condition DEBUGG is not declared, expected (no condition|one of DEBUG)/,
    ],
  ])('a shader with %s is refused', async (_, shader, message) => {
    expect((await errorOf(printed(kernelOf(shader)))).message).toMatch(message);
  });

  test('print_u32 without its condition is refused in a run that does not print', async () => {
    const error = await errorOf(kernelOf({ body: 'print_u32(0, 1u);' }).build(device));
    expect(error.message).toMatch(
      /^mine: source:6:3: unresolved identifier 'print_u32': it stands under @if\(DEBUG\)\n/,
    );
  });

  test("a condition DEBUG of one's own, and a binding print_ring, are refused", async () => {
    const { spec } = kernelOf({ body: '@if(DEBUG) print_u32(0, 1u);' });
    const debug = defineKernel({ ...spec, conditions: () => ({ DEBUG: true }) });
    expect((await errorOf(debug.build(device))).message).toBe(
      'mine: condition DEBUG is that of print: name yours otherwise',
    );
    const ring = defineKernel({ ...spec, bindings: { x: read('N'), print_ring: write('N') } });
    const { x, y } = tensors;
    const error = await errorOf(ring.run(device, { x, print_ring: y }, { a: 1 }, undefined, { print: true }));
    expect(error.message).toBe('mine: the kernel has a binding print_ring, which is that of print: name it otherwise');
  });
});

test('a kernel that binds as many buffers as the device allows is refused, and runs without', async () => {
  using device = await Device.open({ features: 'base' });
  const names = Array.from({ length: 8 }, (_, i) => `b${i}`);
  const declared = names.map((name, i) => `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<f32>;`);
  const kernel = defineKernel({
    name: 'eight',
    source: `${declared.join('\n')}
@compute @workgroup_size(1) fn main() { @if(DEBUG) print_u32(0, 1u); ${names.map((name) => `${name}[0] = 1;`).join(' ')} }`,
    bindings: Object.fromEntries(names.map((name) => [name, write(1)])),
    workgroups: () => [1, 1, 1],
  });
  const tensors = Object.fromEntries(names.map((name) => [name, Tensor.create(device, name, 'f32', [1])]));
  const error = await errorOf(kernel.run(device, tensors, {}, undefined, { print: true }));
  expect(error.message).toBe(
    'eight: print needs a storage buffer, but the kernel has 8 and the device binds at most 8: leave one out, or put two tensors into one',
  );
  await kernel.run(device, tensors, {});
});

test('without print the linked text is what it would be without the statements', async () => {
  using device = await Device.open();
  const body = '@if(DEBUG) print_u32(0, id.x);\n  @if(DEBUG) { print_f32(1, x[0]); }';
  expect(await kernelOf({ body }).wgsl(device)).toBe(await kernelOf({}).wgsl(device));
  const w = packWeight(device, 'w', new Float32Array(64), [32, 2]);
  expect(await matmul.wgsl(device, matmul.choiceFor({ x: w.words, w, bias: w.words, out: w.words }))).not.toContain(
    'print',
  );
});

test.each<[string, RegExp]>([
  ['{ "prints": true }', /^key of options of run is "prints", expected one of print \(did you mean "print"\?\)$/],
  ['7', /^options of run is 7, expected an object$/],
  ['{ "print": "yes" }', /^print is "yes", expected true, false or an object$/],
  ['{ "print": [] }', /^print is \[\], expected true, false or an object$/],
  ['{ "print": { "size": 1 } }', /^key of print is "size", expected one of capacity, tags, only$/],
  ['{ "print": { "capacity": 0 } }', /^capacity is 0, expected an integer ≥ 1$/],
  ['{ "print": { "tags": "acc" } }', /^tags is "acc", expected a list of texts$/],
  ['{ "print": { "tags": [1] } }', /^tags is \[1\], expected a list of texts$/],
  ['{ "print": { "only": 3 } }', /^only is 3, expected an object$/],
  [
    '{ "print": { "only": { "lanes": 3 } } }',
    /^key of only of print is "lanes", expected one of workgroup, lane \(did you mean "lane"\?\)$/,
  ],
  ['{ "print": { "only": { "lane": -1 } } }', /^lane is -1, expected an integer ≥ 0$/],
  [
    '{ "print": { "only": { "workgroup": [1, 2, 3, 4] } } }',
    /^workgroup is \[1, 2, 3, 4\], expected its id: x, \[x, y\] or \[x, y, z\]$/,
  ],
  ['{ "print": { "only": { "workgroup": 0.5 } } }', /^workgroup is 0.5, expected its id/],
])('a run with %s is refused', async (options, message) => {
  using device = await Device.open();
  const run: Promise<unknown> = Reflect.apply(layernorm.run, layernorm, [
    device,
    {},
    {},
    undefined,
    JSON.parse(options),
  ]);
  expect((await errorOf(run)).message).toMatch(message);
});

test('print in the place of the choice is refused with its own place', async () => {
  using device = await Device.open();
  const run: Promise<unknown> = Reflect.apply(layernorm.run, layernorm, [device, {}, {}, { print: true }]);
  expect((await errorOf(run)).message).toBe(
    'choice is an object, expected no print: options follow the choice, run(…, undefined, { print: true })',
  );
});

test('a text says so where nothing was printed', () => {
  expect(formatPrints({ lines: [], lost: 0 })).toBe('no lane printed anything');
});

test('a line of text has each number in as many digits as it needs', () => {
  const place = { workgroup: [1, 0, 2], lane: 3, local: [3, 0, 0], tag: 0, name: 'acc' } as const;
  const values = [0.1, 1 / 3, 16777216, 1e-45, -0, Number.NaN, Number.NEGATIVE_INFINITY].map(Math.fround);
  const lines = values.map((value) => ({ ...place, type: 'f32' as const, value }));
  const text = formatPrints({ lines: [...lines, { ...place, type: 'i32', value: -5 }], lost: 0 });
  const shown = ['0.1', '0.33333334', '16777216', '1.4013e-45', '-0', 'NaN', '-Infinity', '-5'];
  expect(text.split('\n')).toEqual(shown.map((value) => `workgroup 1,0,2 lane 3 (3,0,0): acc = ${value}`));
  for (const [i, value] of values.entries()) expect(Math.fround(Number(shown[i]))).toBe(value);
  expect(() => Reflect.apply(formatPrints, null, [undefined])).toThrow(
    'prints is undefined, expected the result of a run with print',
  );
});
