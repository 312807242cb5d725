// Packs a copy of the repository, installs the tarball in an empty folder and uses it there as a stranger would.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { printedErrors, readmeExamples } from '../support/readme-examples.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_MODULES = join(ROOT, 'node_modules');
/** What the package is made from. */
const SOURCES = ['.setup', 'LICENSE', 'README.md', 'package.json', 'shaders', 'src', 'tsconfig.json', 'weights'];

const examples = readmeExamples(join(ROOT, 'README.md')).map((example, i) => {
  return { ...example, file: `example-${i}.${example.language === 'js' ? 'mjs' : 'ts'}` };
});
/** Those that need no model. */
const kernelExamples = examples.filter(({ code }) => code.includes("'roseinfer/kernels'"));

let temporary: string;
let tarball: string;
/** The stranger's folder. */
let user: string;

/** Runs a program to its end. */
function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw error;
  return { status, stdout, stderr };
}

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = run('npm', [...args, '--offline', '--loglevel=error'], cwd);
  expect(status, `npm ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** Links a package of the repository's node_modules, for there is no network to install it from. */
function linkPackage(name: string, into: string): void {
  const path = join(into, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(NODE_MODULES, name), path);
}

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'roseinfer-'));
  const source = join(temporary, 'source');
  for (const name of [...SOURCES, 'tsconfig.build.json']) {
    cpSync(join(ROOT, name), join(source, name), { recursive: true });
  }
  symlinkSync(NODE_MODULES, join(source, 'node_modules'));
  npm(['pack', '--pack-destination', temporary], source);
  const manifest = readFileSync(join(source, 'package.json'), 'utf8');
  expect(manifest, 'package.json after packing').toBe(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { name, version, dependencies } = JSON.parse(manifest);
  tarball = join(temporary, `${name}-${version}.tgz`);

  user = join(temporary, 'user');
  for (const dependency of Object.keys(dependencies)) linkPackage(dependency, user);
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }');
  npm(['install', '--ignore-scripts', tarball], user);
  for (const { file, code } of examples) writeFileSync(join(user, file), code);
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

test('the package has nothing that publint or are-the-types-wrong would change', async () => {
  const { messages } = await publint({ pkgDir: join(user, 'node_modules/roseinfer'), pack: false, strict: true });
  expect(messages).toEqual([]);
  const types = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  const problems = types.types ? types.problems : [{ kind: 'untyped' }];
  // An ES module cannot be resolved as Node 10 did, and require() of one is typed as an import.
  const ofModules: unknown[] = ['node10', 'node16-cjs'];
  const others = problems.filter((p) => !('resolutionKind' in p && ofModules.includes(p.resolutionKind)));
  expect(others).toEqual([]);
});

test('the package ships what was built, the shaders and the weights, and no sources', () => {
  const files = run('tar', ['tzf', tarball], temporary).stdout.split('\n');
  for (const file of ['dist/kernels/index.d.ts', 'shaders/matmul.wgsl', 'weights/tales/model.safetensors']) {
    expect(files).toContain(`package/${file}`);
  }
  expect(files.filter((file) => /^package\/(src|test|bench|\.setup)/.test(file))).toEqual([]);
});

describe('in an empty folder', () => {
  test.each(kernelExamples)('$title of README runs', ({ file, code }) => {
    const { status, stdout, stderr } = run(process.execPath, [file], user);
    expect(status, stderr).toBe(0);
    if (!code.includes('console.log(name')) return;
    const errors = printedErrors(stdout);
    expect(Object.keys(errors)).toEqual(['layernorm', 'matmul', 'attention']);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-5);
  });

  test('tsc --strict accepts the TypeScript of README, and not a wrong name in it', () => {
    const scripts = examples.filter(({ language }) => language === 'ts').map(({ file }) => file);
    const { code } = kernelExamples.find((example) => example.code.includes('{ eps }'))!;
    writeFileSync(join(user, 'wrong.ts'), code.replace('{ eps }', '{ epsilon: eps }'));
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'esnext'];
    const types = ['--types', 'node', '--typeRoots', join(NODE_MODULES, '@types')]; // `process`
    const args = [join(NODE_MODULES, 'typescript/bin/tsc'), ...options, ...types, ...scripts, 'wrong.ts'];
    const { status, stdout } = run(process.execPath, args, user);
    expect(status).not.toBe(0);
    const diagnostics = stdout.split('\n').filter((line) => line.includes(' error TS'));
    expect(diagnostics).toEqual([expect.stringMatching(/^wrong\.ts.* 'epsilon' does not exist in type/)]);
  });

  test('the command generates from the bundled model what it does in the repository', () => {
    const args = ['generate', '--prompt', 'Once', '--max-new-tokens', '3', '--seed', '1'];
    const { status, stdout, stderr } = run(process.execPath, ['node_modules/.bin/roseinfer', ...args], user);
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
    expect(stdout).toBe(run(process.execPath, ['src/cli/roseinfer.js', ...args], ROOT).stdout);
  });

  test('an older Node gets one line from the command', () => {
    const pretend = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.11.1'}})";
    const outcome = run(process.execPath, ['--import', pretend, 'node_modules/.bin/roseinfer'], user);
    const stderr = 'roseinfer: Node is 20.11.1, expected 24 or newer\n';
    expect(outcome).toEqual({ status: 1, stdout: '', stderr });
  });
});
