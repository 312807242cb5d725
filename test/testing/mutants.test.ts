// Mutants of anybody's kernel: tests that look everywhere kill them, tests that do not are told where, and no mutant keeps the
// caller waiting.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { DeviceLostError, GpuError } from '../../src/gpu/errors.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import {
  CheckReport,
  compareWithin,
  KernelCheckError,
  type KernelFault,
  MutantsError,
  mutants,
  mutantTexts,
} from '../../src/testing/index.ts';
import { boundLoops } from '../../src/testing/mutants/bounded-loops.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** y[N]: element i is the sum of x up to i, times a module's factor; in a layout of somebody else's. */
const prefix = defineKernel({
  name: 'prefix',
  source: `import package::factor::factor;
@group(0)@binding(0) var<storage,read> x:array<f32>;
@group(0)@binding(1) var<storage,read_write> y:array<f32>;
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id:vec3u){
  /* a block comment: a<b /* in another */ and a-b */
  if id.x>=params.N{return;}
  var sum:f32=0.0;
  var i=0u;
  while i<=id.x {sum+=x[i];i+=1u;}
  y[id.x]=sum*factor(vec2<u32>(2u,id.x));
}`,
  modules: { factor: 'fn factor(pair: vec2<u32>) -> f32 { return f32(pair.x); }' },
  bindings: { x: read('N'), y: write('N') },
  params: { N: 'u32' },
  workgroups: ({ N }) => [Math.ceil(N / 8), 1, 1],
});
type Prefix = typeof prefix.spec;

/** A fault of a check's report. */
const FAULT: KernelFault = {
  ...{ variant: 'prefix', circumstance: null, output: 'y', index: [3], got: 1, want: 2, excess: 3, numWrong: 1 },
  kind: 'wrong',
  message: 'y[3] is off',
};

/** Runs the kernel on 1, 2, … N, with words behind the output that it must leave alone. */
async function outputOf(kernel: Kernel<Prefix>, N: number): Promise<readonly number[]> {
  using x = Tensor.from(
    device,
    'x',
    Float32Array.from({ length: N }, (_, i) => i + 1),
  );
  using owner = Tensor.from(device, 'y', new Float32Array(N + 8).fill(-1));
  await kernel.run(device, { x, y: owner.prefix([N]) }, {});
  return [...(await owner.readF32())];
}

async function thorough(kernel: Kernel<Prefix>): Promise<void> {
  const want = Array.from({ length: 11 + 8 }, (_, i) => (i < 11 ? (i + 1) * (i + 2) : -1));
  expect(await outputOf(kernel, 11)).toEqual(want);
}

describe('mutants', () => {
  test('a test that looks everywhere kills all that can be told from the kernel', async () => {
    const report = await mutants(prefix, { judge: thorough, count: 100 });
    // The module does not read that number.
    expect(report.survived.map(({ after }) => after)).toEqual(['y[id.x]=sum*factor(vec2<u32>(2u,id.y));']);
    expect(report.mutants).toHaveLength(report.numPossible);
    expect(report.killed).toHaveLength(report.numPossible - 1);
    expect(new Set(report.mutants.map(({ file }) => file))).toEqual(new Set(['source', 'module factor']));
  });

  test('a test that looks at one element is told which faults it does not see', async () => {
    const judge = async (kernel: Kernel<Prefix>) => (await outputOf(kernel, 1))[0] === 2;
    const report = await mutants(prefix, { judge, seed: 3, count: 100 });
    const bound = report.survived.find(({ operator, line }) => operator === 'condition fixed' && line === 6);
    expect(bound).toMatchObject({
      file: 'source',
      column: 6,
      before: 'if id.x>=params.N{return;}',
      after: 'if false{return;}',
      timedOut: false,
      reason: '',
    });
    expect(report.score).toBeLessThan(0.9);
    expect(String(report)).toMatch(/^prefix: seed 3, \d+ of \d+ mutants\nkilled \d+ of \d+ \(\d+\.\d %\)\n/);
    expect(String(report)).toContain(
      'survived: source:6:6, condition fixed\n  - if id.x>=params.N{return;}\n  + if false{return;}',
    );
  });

  test('a sample is the same for a seed, and another one for another', async () => {
    const placesOf = async (seed: number) => {
      const report = await mutants(prefix, { judge: () => true, seed, count: 4 });
      expect(report.survived).toHaveLength(4);
      return report.mutants.map(({ line, column, after }) => `${line}:${column} ${after}`);
    };
    expect(await placesOf(7)).toEqual(await placesOf(7));
    expect(await placesOf(7)).not.toEqual(await placesOf(8));
  });

  test("the library's own kernels have mutants in their files and in what these import", async () => {
    const judge = async (kernel: typeof gatherRows) => {
      using x = Tensor.from(device, 'x', [1, 2, 3, 4, 5, 6], [3, 2]);
      using rows = Tensor.from(device, 'rows', Int32Array.of(2, 0));
      using out = Tensor.create(device, 'out', 'f32', [2, 2]);
      await kernel.run(device, { x, rows, out }, {});
      expect([...(await out.readF32())]).toEqual([5, 6, 1, 2]);
    };
    const report = await mutants(gatherRows, { judge, count: 5 });
    expect(report.mutants.map(({ file }) => file)).toContain('shaders/gather_rows.wgsl');
    expect(report.killed.length).toBeGreaterThan(0);
  });
});

describe('a mutant whose loop has no end', () => {
  const endless = 'while i<=id.x {sum+=x[i];}';

  test('ends after some turns', async () => {
    const source = prefix.spec.source?.replace('while i<=id.x {sum+=x[i];i+=1u;}', endless) ?? '';
    expect(source).toContain(endless);
    const kernel = defineKernel({ ...prefix.spec, source: boundLoops(source) });
    expect((await outputOf(kernel, 2)).slice(2)).toEqual(Array(8).fill(-1));
    expect((await outputOf(prefix, 2)).slice(0, 2)).toEqual([2, 6]);
  });

  test('is judged by what it computes', async () => {
    const report = await mutants(prefix, { judge: thorough, count: 100 });
    const [mutant] = report.mutants.filter(({ after }) => after === endless);
    expect(mutant).toMatchObject({ state: 'killed', timedOut: false });
  });

  test('keeps barriers in loops where they are allowed', async () => {
    const summed = defineKernel({
      name: 'summed',
      source: boundLoops(`
        @group(0) @binding(0) var<storage, read> x: array<f32>;
        @group(0) @binding(1) var<storage, read_write> y: array<f32>;
        var<workgroup> part: array<f32, 8>;
        @compute @workgroup_size(8) fn main(@builtin(local_invocation_index) lane: u32) {
          part[lane] = x[lane];
          for (var width = 4u; width > 0u; width /= 2u) {
            workgroupBarrier();
            for (var i = lane; i < width; i += 8u) { part[i] += part[i + width]; }
          }
          loop { workgroupBarrier(); if (true) { break; } continuing { workgroupBarrier(); } }
          y[lane] = part[0];
        }`),
      bindings: { x: read(8), y: write(8) },
      workgroups: () => [1, 1, 1],
    });
    using x = Tensor.from(device, 'x', [1, 2, 3, 4, 5, 6, 7, 8]);
    using y = Tensor.create(device, 'y', 'f32', [8]);
    await summed.run(device, { x, y }, {});
    expect([...(await y.readF32())]).toEqual(Array(8).fill(36));
  });
});

describe('a judge', () => {
  test('that rejects the kernel itself ends the run', async () => {
    const judge = () => {
      throw new Error('never\nright');
    };
    const message = 'prefix: the judge rejects the kernel without a fault: never';
    await expect(mutants(prefix, { judge })).rejects.toThrow(
      expect.objectContaining({ name: 'MutantsError', message }),
    );
    await expect(mutants(prefix, { judge: () => false })).rejects.toThrow('without a fault: the judge gave false');
    await expect(mutants(prefix, { judge: () => new Promise(() => {}), timeout: 20 })).rejects.toThrow(
      'prefix: the judge is not done after 20 ms with the kernel without a fault: nothing after 20 ms',
    );
  });

  test('that gets a mutant which does not compile is asked for another one', async () => {
    let calls = 0;
    const judge = () => {
      if (++calls === 2) throw new Error('wrapped', { cause: new GpuError('prefix', 'refused') });
    };
    const report = await mutants(prefix, { judge, count: 1 });
    expect(report.mutants.map(({ state }) => state)).toEqual(['invalid', 'survived']);
    expect(report.score).toBe(0);
    expect(String(report)).toContain('killed 0 of 1 (0.0 %); 1 did not compile');
  });

  test('may give a comparison or a report', async () => {
    const judgeOf = (rejection: unknown) => {
      let calls = 0;
      return () => (++calls > 1 ? rejection : true);
    };
    const report = new CheckReport({
      ...{ kernel: 'prefix', variants: [], numRuns: 1, warnings: [], worst: null, skipped: [] },
      faults: [FAULT],
    });
    const rejections: [rejection: unknown, reason: string][] = [
      [false, 'the judge gave false'],
      [{ passes: false }, 'the result does not pass'],
      [compareWithin([1], [2], 0), 'element 0 of 1 is 1, expected 2; 1 of 1 elements fail'],
      [report, 'y[3] is off'],
      [Promise.reject(new KernelCheckError(report)), 'y[3] is off'],
    ];
    for (const [rejection, reason] of rejections) {
      const { killed } = await mutants(prefix, { judge: judgeOf(rejection), count: 1 });
      expect(killed.map((mutant) => mutant.reason)).toEqual([reason]);
    }
    expect((await mutants(prefix, { judge: () => ({ passes: true }), count: 1 })).survived).toHaveLength(1);
    expect((await mutants(prefix, { judge: () => null, count: 1 })).survived).toHaveLength(1);
  });

  test('that is not done with a mutant in time has killed it', async () => {
    let calls = 0;
    const judge = () => (++calls === 2 ? new Promise(() => {}) : true);
    const report = await mutants(prefix, { judge, count: 2, timeout: 20 });
    expect(report.killed).toMatchObject([{ timedOut: true, reason: 'nothing after 20 ms' }]);
    expect(report.survived).toHaveLength(1);
    expect(String(report)).toContain('killed 1 of 2 (50.0 %), 1 of them by the clock');
    // Clean, the mutant, clean again, the other mutant.
    expect(calls).toBe(4);
  });

  test('that has no device any more, or a busy one, is not believed', async () => {
    let calls = 0;
    const judge = () => {
      if (++calls > 1) throw new Error('wrapped', { cause: new DeviceLostError('unknown', 'hung') });
    };
    const outcome = await mutants(prefix, { judge }).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(MutantsError);
    expect(outcome).toMatchObject({
      kernel: 'prefix',
      message: expect.stringMatching(
        /^prefix: the judge rejects the kernel without a fault, after the mutant ".*" at source:\d+:\d+; open a device in each call of the judge: wrapped$/,
      ),
    });
  });
});

describe('faults are planted in any layout', () => {
  const operatorsOf = (text: string) =>
    mutantTexts({ text: `fn f(){${text}}` }).map(({ operator, after }) => `${operator}: ${after.slice(7, -1)}`);

  test('operators need no spaces, and a sign is none', () => {
    expect(operatorsOf('return -a*b;')).toEqual(
      expect.arrayContaining(['arithmetic changed: return -a+b;', 'factor dropped: return -a;']),
    );
    expect(operatorsOf('return -a*b;').join()).not.toContain('operands swapped');
    expect(operatorsOf('*p=&x;').filter((fault) => fault.startsWith('arithmetic'))).toEqual([]);
  });

  test('a template list is no comparison, and a comparison no template list', () => {
    expect(operatorsOf('let x=vec2<f32>(y);')).toEqual([]);
    expect(operatorsOf('let x=array<vec2<f32>,2>();')).toEqual([]);
    expect(operatorsOf('let x=i<n;')).toContain('comparison flipped: let x=i<=n;');
    expect(operatorsOf('if i<n&&j>n{}')).toContain('comparison flipped: if i<n&&j>=n{}');
    expect(operatorsOf('let x=f(i<n)>(m);')).toContain('comparison flipped: let x=f(i<=n)>(m);');
  });

  test('conditions need no brackets', () => {
    expect(operatorsOf('if (a)||(b) {}')).toContain('mask inverted: if !((a)||(b)) {}');
    expect(operatorsOf('if (a) {}')).toContain('mask inverted: if (!(a)) {}');
    expect(operatorsOf('while i<n {}')).not.toContain('comparison reversed: while i>n {}');
  });

  test('variables may state their types', () => {
    expect(operatorsOf('var s:f32=0.0;')).toContain('initial value changed: var s:f32=1.0;');
    expect(mutantTexts({ t: 'fn f(){loop{var b:u32=3u;b+=1u;}}' }).map(({ source }) => source)).toContain(
      'fn f(){loop{b+=1u;}}\nvar<private> b = 3u;\n',
    );
  });

  test('block comments are no code', () => {
    expect(operatorsOf('/* a - b /* c */ a - b */')).toEqual([]);
  });
});

/** Calls a function as a program without types would. */
async function call(action: unknown, ...given: readonly unknown[]): Promise<unknown> {
  return typeof action === 'function' ? action(...given) : undefined;
}

test.each<[mistake: string, action: unknown, given: readonly unknown[], message: string]>([
  [
    'a spec for a kernel',
    mutants,
    [prefix.spec, { judge: thorough }],
    'kernel is an object, expected a kernel that defineKernel made',
  ],
  [
    'a source for a kernel',
    mutants,
    ['fn main() {}', { judge: thorough }],
    'kernel is "fn main() {}", expected a kernel that defineKernel made',
  ],
  ['no options', mutants, [prefix], 'options of mutants is undefined, expected an object'],
  ['the judge alone', mutants, [prefix, thorough], 'options of mutants is function thorough, expected an object'],
  ['no judge', mutants, [prefix, { seed: 1 }], 'judge is undefined, expected a function'],
  ['a judge that ran already', mutants, [prefix, { judge: true }], 'judge is true, expected a function'],
  [
    'a misspelt option',
    mutants,
    [prefix, { judge: thorough, time_out: 5 }],
    'key of options of mutants is "time_out", expected one of judge, seed, count, timeout (did you mean "timeout"?)',
  ],
  ['a negative seed', mutants, [prefix, { judge: thorough, seed: -1 }], 'seed is -1, expected an integer in [0, 2^53)'],
  ['no mutants', mutants, [prefix, { judge: thorough, count: 0 }], 'count is 0, expected an integer ≥ 1'],
  ['no time', mutants, [prefix, { judge: thorough, timeout: 0 }], 'timeout is 0, expected a number > 0'],
  ['a text for texts', mutantTexts, ['fn f() {}'], 'texts is "fn f() {}", expected an object of WGSL texts by name'],
  ['a list of texts', mutantTexts, [['fn f() {}']], 'texts is ["fn f() {}"], expected an object of WGSL texts by name'],
  [
    'bytes for a text',
    mutantTexts,
    [{ a: Uint8Array.of(1) }],
    'texts.a is an object of class Uint8Array, expected a text of WGSL',
  ],
  ['the seed alone', mutantTexts, [{ a: '' }, 5], 'options of mutantTexts is 5, expected an object'],
  [
    'a count of texts',
    mutantTexts,
    [{ a: '' }, { count: 5 }],
    'key of options of mutantTexts is "count", expected one of seed',
  ],
])('a mistake of the caller is told in one line: %s', async (_, action, given, message) => {
  await expect(call(action, ...given)).rejects.toThrow(expect.objectContaining({ name: 'RangeValueError', message }));
});
