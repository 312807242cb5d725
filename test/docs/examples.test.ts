// Runs every program that a document or a comment prints, from a folder with the package installed and nothing else but
// `weights`, since some examples name the bundled model by its path.
// @module-tag sweep
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkPackage, type PackedPackage, packPackage, run } from '../package/packed-package.ts';
import { examples, ROOT, sdkExamples, testExamples } from './documents.ts';

let packed: PackedPackage;
beforeAll(() => {
  packed = packPackage();
  symlinkSync(join(ROOT, 'weights'), join(packed.user, 'weights'));
});
afterAll(() => packed[Symbol.dispose]());

/** Accepts this output, with any text where it has an ellipsis. */
function outputLike(text: string): RegExp {
  const parts = text.trimEnd().split('…').map(RegExp.escape);
  return new RegExp(`^${parts.join('[^]*')}\\s*$`);
}

describe('the program runs that is printed in', () => {
  test.each(examples)('$place', ({ file, prints }) => {
    const { status, stdout, stderr } = run(process.execPath, [file], packed.user);
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
    if (prints !== null) expect(stdout).toMatch(outputLike(prints));
  });
});

describe('the program runs beside the AI SDK that is printed in', () => {
  beforeAll(() => {
    for (const name of ['ai', '@ai-sdk/provider']) linkPackage(name, packed.user);
  });

  test.each(sdkExamples)('$place', ({ file, code, prints }) => {
    writeFileSync(join(packed.user, file), code);
    const { status, stdout, stderr } = run(process.execPath, [file], packed.user);
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
    if (prints !== null) expect(stdout).toMatch(outputLike(prints));
  });
});

describe('the test passes in vitest that is printed in', () => {
  const vitest = (file: string) => run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', file], packed.user);
  beforeAll(() => symlinkSync(join(ROOT, 'node_modules/vitest'), join(packed.user, 'node_modules/vitest')));

  test.each(testExamples)('$place', ({ file, code }) => {
    writeFileSync(join(packed.user, file), code);
    const { status, stdout, stderr } = vitest(file);
    expect(status, stdout + stderr).toBe(0);
  });

  test('… and would be found failing', () => {
    expect(testExamples).not.toEqual([]);
    const wrong = (testExamples[0]?.code ?? '').replaceAll('bounds.ulps(1)', '0');
    writeFileSync(join(packed.user, 'wrong.test.ts'), wrong);
    const { status, stdout, stderr } = vitest('wrong.test.ts');
    expect(status).toBe(1);
    expect(stdout + stderr).toMatch(/x: element \[\d, \d\] of \[2, 8\] is .* elements fail/);
  });
});

describe('the documents', () => {
  test('are read where they are: pages and comments', () => {
    const files = new Set(examples.map(({ place }) => place.split(':')[0]));
    for (const file of ['README.md', 'docs/kernels.md', 'src/load.ts', 'src/engine/engine.ts', 'src/gpu/kernel.ts'])
      expect(files).toContain(file);
  });

  test('have the output of several programs', () => {
    expect(examples.filter(({ prints }) => prints !== null).length).toBeGreaterThan(2);
  });

  test('can be found wrong: a program that fails, an output that is another', () => {
    writeFileSync(join(packed.user, 'wrong.ts'), "import { nothing } from 'roseinfer'; console.log(nothing);");
    expect(run(process.execPath, ['wrong.ts'], packed.user).status).toBe(1);
    expect('a\n1\nb\n').toMatch(outputLike('a\n…\nb\n'));
    expect('a\n1\nc\n').not.toMatch(outputLike('a\n…\nb\n'));
  });
});
