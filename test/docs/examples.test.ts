// Runs every program that a document prints, from an empty folder with the package installed.
// @module-tag sweep
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PackedPackage, packPackage, run } from '../package/packed-package.ts';
import { examples } from './documents.ts';

let packed: PackedPackage;
beforeAll(() => {
  packed = packPackage();
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

describe('the documents', () => {
  test('say of several programs what they print', () => {
    expect(examples.filter(({ prints }) => prints !== null).length).toBeGreaterThan(2);
  });

  test('can be found wrong: a program that fails, an output that is another', () => {
    writeFileSync(join(packed.user, 'wrong.ts'), "import { nothing } from 'roseinfer'; console.log(nothing);");
    expect(run(process.execPath, ['wrong.ts'], packed.user).status).toBe(1);
    expect('a\n1\nb\n').toMatch(outputLike('a\n…\nb\n'));
    expect('a\n1\nc\n').not.toMatch(outputLike('a\n…\nb\n'));
  });
});
