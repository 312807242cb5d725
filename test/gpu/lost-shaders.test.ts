// A copy of the package whose shaders a bundler has left out: one error says where they are expected.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A program beside the package's code, as a bundler may leave it: without shaders. */
let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
  cpSync('src', join(directory, 'src'), { recursive: true });
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(directory, 'program.ts'),
    `import { KernelError, layernorm, openDevice } from './src/kernels/index.ts';
using device = await openDevice();
const error = await layernorm.build(device).catch((reason) => reason);
console.log(error instanceof KernelError, error.message);`,
  );
});

const shaders = () => `${join(directory, 'shaders')}/`;

test.each([
  { what: 'without shaders/', prepare: () => {}, reason: 'ENOENT: ' },
  { what: 'with an empty shaders/', prepare: () => mkdirSync(shaders()), reason: 'it holds none' },
  {
    what: 'with a file in its place',
    prepare: () => writeFileSync(join(directory, 'shaders'), ''),
    reason: 'ENOTDIR: ',
  },
])('a program $what gets an error that says where they are expected and what to do', ({ prepare, reason }) => {
  prepare();
  const { stdout } = runNode([join(directory, 'program.ts')]);
  expect(stdout).toContain(`true shaders: expected the WGSL files of roseinfer in ${shaders()}, but ${reason}`);
  expect(stdout).toContain("copy the package's shaders/ there, or let the bundler leave roseinfer out (as external)");
});

test('a program that is bundled as CommonJS, where modules have no URL, gets an error that says so', () => {
  const path = join(directory, 'src/util/package-file.ts');
  writeFileSync(path, readFileSync(path, 'utf8').replace('= import.meta;', '= {} as { url?: string };'));
  const { status, stderr } = runNode([join(directory, 'program.ts')]);
  expect(status).toBe(1);
  expect(stderr).toContain("RoseinferError: import.meta.url is undefined, expected the place of roseinfer's files: ");
});

test('a program with them runs', () => {
  cpSync('shaders', shaders(), { recursive: true });
  expect(runNode([join(directory, 'program.ts')]).stdout).toBe('false undefined\n');
});
