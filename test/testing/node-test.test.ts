// roseinfer/testing in the runner that Node brings: no other is imported.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const moduleOf = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../..', path)).href);

const PROGRAM = `
import { test } from 'node:test';
import { defineKernel, openDevice, read, write } from ${moduleOf('src/kernels/index.ts')};
import { checkKernel } from ${moduleOf('src/testing/index.ts')};

const kernelOf = (factor: number) => defineKernel({
  name: 'times', bindings: { x: read('N'), y: write('N') }, params: { N: 'u32' }, workgroups: ({ N }) => [Math.ceil(N / 64), 1, 1],
  source: '@group(0) @binding(0) var<storage, read> x: array<f32>; @group(0) @binding(1) var<storage, read_write> y: array<f32>;' +
    '@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < params.N) { y[id.x] = ' + factor + ' * x[id.x]; } }',
});
for (const factor of [2, 3]) {
  test('times ' + factor, async () => {
    using device = await openDevice();
    const x = Float32Array.of(1, 2, 3);
    await checkKernel(device, kernelOf(factor), { x }, {}, { expect: { y: [2, 4, 6] } });
  });
}
`;

test('a wrong kernel fails a test of node:test with its message, a right one passes, and the process ends', () => {
  const file = join(temporaryDirectory(), 'times.test.ts');
  writeFileSync(file, PROGRAM);
  const { status, stdout } = runNode(['--test', '--test-reporter=tap', file]);
  expect(stdout).toMatch(/ok 1 - times 2/);
  expect(stdout).toMatch(/not ok 2 - times 3[\s\S]*times: y\[0\] of \[3\] is 3, expected 2 \(3 of 3 elements\)/);
  expect(status).toBe(1);
});
