// The package's declarations, read by every TypeScript in use with the settings that programs have: they are checked as
// a program's own code is. Skipped are the language's own libraries alone: a conflict with one is an error here, too.
// @module-tag sweep
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examples, sdkExamples, testExamples } from '../docs/documents.ts';
import { linkPackage, NODE_MODULES, type PackedPackage, packPackage, run } from './packed-package.ts';

const COMPILERS: Readonly<Record<string, string>> = {
  '5.9': import.meta.resolve('typescript-5.9/package.json'),
  '6.0': import.meta.resolve('typescript/package.json'),
  '7.0': import.meta.resolve('typescript-7/package.json'),
};
/** `module` for each way to resolve an import. */
const RESOLUTIONS = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' };

/** A program that needs no library but the language's own. */
const PROGRAM = `
import { Engine, loadModel, RangeValueError, type GenerationRequest, type Runner } from 'roseinfer';
import { layernorm, openDevice, Tensor, type Device, type TensorData } from 'roseinfer/kernels';
import { layerNorm } from 'roseinfer/reference';
import { adversarial, checkKernel, compareWithin, mutants, type Comparison } from 'roseinfer/testing';
import { loadTextModel } from 'roseinfer/research';
import { NoReplicaError, streamWithResume, type ResumableCall } from 'roseinfer/client';

export async function generate(request: GenerationRequest): Promise<string> {
  await using model = await loadModel('weights/tales');
  const runner: Runner = model.runner;
  await using engine = new Engine({ runner, tokenizer: model.tokenizer });
  for await (const { text } of engine.stream(request)) if (text === '') throw new RangeValueError('text', text, 'some');
  const { text } = await engine.generate(request);
  return text;
}

export async function normalize(halves: Float16Array): Promise<TensorData> {
  using device: Device = await openDevice();
  const x = Tensor.from(device, 'x', halves);
  await layernorm.run(device, { x, gamma: x, beta: x, out: x }, { eps: 1e-5 });
  return await x.read();
}

export async function bite(device: Device, want: Float64Array): Promise<Comparison> {
  const [{ data } = { data: new Float32Array(4) }] = adversarial([2, 2], { seed: 1 });
  const operands = { x: { data, shape: [2, 2] }, gamma: [1, 1], beta: [0, 0] };
  const judge = (kernel: typeof layernorm) => checkKernel(device, kernel, operands, { eps: 1e-5 }, { expect: { out: want } });
  await mutants(layernorm, { judge, count: 1 });
  return compareWithin(data, layerNorm(want, want, want, { M: 1, C: 4, epsilon: 0 }), { abs: 1 });
}

export async function follow(call: ResumableCall, signal: AbortSignal): Promise<readonly number[]> {
  const ids: number[] = [];
  try {
    for await (const { choices } of streamWithResume({ ...call, signal })) ids.push(...(choices[0]?.token_ids ?? []));
    return ids;
  } catch (error) {
    if (error instanceof NoReplicaError) return error.ids;
    throw error;
  }
}

export async function score(ids: readonly number[]): Promise<Float32Array> {
  using loaded = await loadTextModel('weights/tales');
  return await loaded.model.scoreTokens(ids);
}
`;
/** Wrong in one name only, which a compiler that takes the package for `any` would not see. */
const WRONG = `import { layernorm, type Device, type Tensor } from 'roseinfer/kernels';
export const run = (device: Device, t: Tensor) => layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { epsilon: 1 });
`;
const STRICTEST = {
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
};

let packed: PackedPackage;

beforeAll(() => {
  packed = packPackage();
  linkPackage('vitest', packed.user);
  writeFileSync(join(packed.user, 'program.ts'), PROGRAM);
  writeFileSync(join(packed.user, 'wrong.ts'), WRONG);
});
afterAll(() => packed[Symbol.dispose]());

/** The errors that a compiler finds, one line each. */
function errorsOf(version: string, files: readonly string[], options: Readonly<Record<string, unknown>>): string[] {
  const typeRoots = [join(NODE_MODULES, '@types'), NODE_MODULES];
  const strict = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    target: 'es2022',
    typeRoots,
  };
  writeFileSync(
    join(packed.user, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...strict, ...options }, files }),
  );
  const compiler = fileURLToPath(new URL('bin/tsc', COMPILERS[version]));
  const { status, stdout } = run(process.execPath, [compiler, '--pretty', 'false', '-p', '.'], packed.user);
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
  expect(status === 0, stdout).toBe(errors.length === 0);
  return errors;
}

// The last one is fast; the others have a second tier.
describe.each(Object.keys(COMPILERS))('TypeScript %s', (version) => {
  const tags = version === '7.0' ? [] : ['slow'];
  const cases = Object.entries(RESOLUTIONS).flatMap(([moduleResolution, module], i) =>
    [['es2022'], ['es2022', 'dom'], ['esnext', 'dom']].flatMap((lib, j) =>
      [[], ['node']].map((types, k) => ({
        moduleResolution,
        module,
        lib,
        types,
        isQuick: (i + j) % 3 === 0 && k === i % 2,
      })),
    ),
  );

  // Each resolution and each lib once, with types and without: the other cases are in the second tier.
  for (const { isQuick, ...options } of cases) {
    const { moduleResolution, lib, types } = options;
    const title = `accepts a program with ${moduleResolution}, lib ${lib.join()} and types ${types.join() || 'none'}`;
    test(title, { tags: isQuick ? tags : ['slow'] }, () => {
      expect(errorsOf(version, ['program.ts'], options)).toEqual([]);
    });
  }

  test('accepts it where no lib is named, and with the strictest options', { tags }, () => {
    expect(errorsOf(version, ['program.ts'], { module: 'nodenext', types: [] })).toEqual([]);
    expect(errorsOf(version, ['program.ts'], { module: 'nodenext', types: [], ...STRICTEST })).toEqual([]);
  });

  test('accepts the programs that documents print, and finds a wrong name in one', { tags }, () => {
    const files = [...examples.map(({ file }) => file), 'wrong.ts'];
    // One of them uses a GPUDevice of its own, whose types the libraries for pages have from 6.0 on.
    const types = version === '5.9' ? ['node', '@webgpu/types'] : ['node'];
    const options = { module: 'nodenext', target: 'esnext', lib: ['esnext', 'dom'], types };
    const found = expect.stringMatching(/^wrong\.ts.*'epsilon' does not exist in type/);
    expect(errorsOf(version, files, options)).toEqual([found]);
  });
});

const titleOfTests = 'accepts the tests that documents print, whose matchers vitest does not have, and knows these';
test(`TypeScript 7.0 ${titleOfTests}`, () => expectTestsAccepted('7.0'));
test(`TypeScript 6.0 ${titleOfTests}`, { tags: ['slow'] }, () => expectTestsAccepted('6.0'));

function expectTestsAccepted(version: string): void {
  for (const { file, code } of testExamples) writeFileSync(join(packed.user, file), code);
  const wrong = `import { expect } from 'vitest'; import 'roseinfer/testing/vitest';\nexpect([1]).toBeWithin([1]);`;
  writeFileSync(join(packed.user, 'wrong-matcher.ts'), wrong);
  // Declarations of vitest are its own affair.
  const options = { module: 'nodenext', target: 'esnext', lib: ['esnext'], types: ['node'], skipLibCheck: true };
  const found = expect.stringMatching(/^wrong-matcher\.ts.*Expected 2-3 arguments, but got 1/);
  const files = [...testExamples.map(({ file }) => file), 'wrong-matcher.ts'];
  expect(testExamples.length).toBeGreaterThan(0);
  expect(errorsOf(version, files, options)).toEqual([found]);
}

test('TypeScript accepts the programs for the AI SDK that documents print, and finds a wrong option in one', () => {
  for (const name of ['ai', '@ai-sdk/provider']) linkPackage(name, packed.user);
  for (const { file, code } of sdkExamples) writeFileSync(join(packed.user, file), code);
  const wrong = `import { createRoseinfer } from 'roseinfer/ai-sdk';\ncreateRoseinfer({ modle: 'a' });`;
  writeFileSync(join(packed.user, 'wrong-provider.ts'), wrong);
  // Declarations of the SDK are its own affair.
  const options = { module: 'nodenext', target: 'esnext', lib: ['esnext'], types: ['node'], skipLibCheck: true };
  const files = [...sdkExamples.map(({ file }) => file), 'wrong-provider.ts'];
  expect(sdkExamples.length).toBeGreaterThan(0);
  expect(errorsOf('7.0', files, options)).toEqual([
    expect.stringMatching(/^wrong-provider\.ts.*'modle' does not exist/),
  ]);
});

test('TypeScript 5.9 accepts it beside @webgpu/types, which later ones have in `dom`', { tags: ['slow'] }, () => {
  const options = { module: 'nodenext', lib: ['es2022', 'dom'], types: ['@webgpu/types', 'node'] };
  expect(errorsOf('5.9', ['program.ts'], options)).toEqual([]);
});
