// The packed package, installed in an empty folder and used as by a program elsewhere.
// @module-tag sweep
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDocument } from '../docs/documents.ts';
import { linkPackage, type PackedPackage, packPackage, ROOT, run } from './packed-package.ts';

let packed: PackedPackage;
let user: string;

beforeAll(() => {
  packed = packPackage();
  user = packed.user;
});
afterAll(() => packed[Symbol.dispose]());

test('the package has nothing that publint or are-the-types-wrong would change', async () => {
  const { messages } = await publint({ pkgDir: join(user, 'node_modules/roseinfer'), pack: false, strict: true });
  expect(messages).toEqual([]);
  const types = await checkPackage(createPackageFromTarballData(readFileSync(packed.tarball)));
  const problems = types.types ? types.problems : [{ kind: 'untyped' }];
  // An ES module cannot be resolved as Node 10 did, and require() of one is typed as an import.
  const ofModules: unknown[] = ['node10', 'node16-cjs'];
  const others = problems.filter((p) => !('resolutionKind' in p && ofModules.includes(p.resolutionKind)));
  expect(others).toEqual([]);
});

test("the package ships what was built, the shaders, the weights, and the licence of GPT-2's tokenizer, and no sources", () => {
  const files = run('tar', ['tzf', packed.tarball], user).stdout.split('\n');
  for (const file of ['dist/src/kernels/index.d.ts', 'shaders/matmul.wgsl', 'weights/tales/model.safetensors']) {
    expect(files).toContain(`package/${file}`);
  }
  const licence = readFileSync(join(user, 'node_modules/roseinfer/weights/gpt2/LICENSE'), 'utf8');
  expect(licence).toMatch(/^Modified MIT License\n\nSoftware Copyright \(c\) 2019 OpenAI\n/);
  expect(files.filter((file) => /^package\/(src|test|bench|\.setup)/.test(file))).toEqual([]);
  expect(files.filter((file) => /^package\/dist\/(?!src\/|bench\/)/.test(file))).toEqual([]);
});

test('what README links to is in the package', () => {
  const links = [...readDocument('README.md').prose.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(
    ([, link = '']) => link,
  );
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !existsSync(join(user, 'node_modules/roseinfer', link)))).toEqual([]);
});

describe('in an empty folder', () => {
  test('the command generates from the bundled model what it does in the repository', () => {
    const args = ['generate', '--prompt', 'Once', '--max-new-tokens', '3', '--seed', '1'];
    const { status, stdout, stderr } = run(process.execPath, ['node_modules/.bin/roseinfer', ...args], user);
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
    expect(stdout).toBe(run(process.execPath, ['src/cli/roseinfer.js', ...args], ROOT).stdout);
  });

  test('the benchmark runs', () => {
    const flags = ['--num-requests', '2', '--max-new-tokens', '2', '--warmup', '0', '--json', 'bench.json'];
    const { status, stdout, stderr } = run(process.execPath, ['node_modules/.bin/roseinfer', 'bench', ...flags], user);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^=== naive ===\n.*=== online ===\n/s);
    const { meta } = JSON.parse(readFileSync(join(user, 'bench.json'), 'utf8'));
    // The user's own repository is not that of the package.
    expect(meta).toMatchObject({ commit: null, model: 'weights/tales' });
  });

  test("the AI SDK's part alone needs a package of the SDK", () => {
    const names = (entry: string) => {
      const code = `console.log(Object.keys(await import('${entry}')).sort().join())`;
      return run(process.execPath, ['--input-type=module', '--eval', code], user);
    };
    expect(names('roseinfer').stdout).toContain('loadModel');
    expect(names('roseinfer/ai-sdk').stderr).toContain("Cannot find package '@ai-sdk/provider'");
    linkPackage('@ai-sdk/provider', user);
    expect(names('roseinfer/ai-sdk').stdout.trim()).toBe('ProviderClosedError,createRoseinfer');
  });

  test('an older Node gets one line from the command', () => {
    const pretend = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.11.1'}})";
    const outcome = run(process.execPath, ['--import', pretend, 'node_modules/.bin/roseinfer'], user);
    const stderr = 'roseinfer: Node is 20.11.1, expected 24 or newer\n';
    expect(outcome).toEqual({ status: 1, stdout: '', stderr });
  });
});
