// Runs every program that a document or a comment prints, from a folder with the package installed and nothing else. Those of a
// page run one after another in one process, of which its start and loading the package would be most of the time.
// @module-tag sweep
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkPackage, type PackedPackage, packPackage, run } from '../package/packed-package.ts';
import { examples, ROOT, sdkExamples, testExamples } from './documents.ts';

let packed: PackedPackage;
beforeAll(() => {
  packed = packPackage();
});
afterAll(() => packed[Symbol.dispose]());

/** Imports the programs that are named, and ends the output of each with a line of its name. */
const RUNNER = `for (const file of process.argv.slice(2)) {
  await import('./' + file);
  console.log('\\0' + file);
}`;

/** A process, and the output of each of its programs that has come to its end. */
interface Ran {
  readonly status: number | null;
  readonly stderr: string;
  readonly outputs: ReadonlyMap<string, string>;
}

function runAll(files: readonly string[]): Ran {
  writeFileSync(join(packed.user, 'run-all.js'), RUNNER);
  const { status, stdout, stderr } = run(process.execPath, ['run-all.js', ...files], packed.user);
  const ends = [...stdout.matchAll(/\0(.*)\n/g)];
  const starts = [0, ...ends.map(({ 0: { length }, index }) => index + length)];
  const outputs = new Map(ends.map(({ 1: file = '', index }, i) => [file, stdout.slice(starts[i], index)]));
  // What is printed when the process ends is the last one's.
  const last = files.at(-1) ?? '';
  if (outputs.has(last)) outputs.set(last, outputs.get(last) + stdout.slice(starts.at(-1)));
  return { status, stderr, outputs };
}

/** The programs of a page, which run when the first of their tests needs them; those of all comments are as many. */
class Page {
  readonly #files: readonly string[];
  #ran: Ran | undefined;

  constructor(programs: readonly Program[]) {
    this.#files = programs.map(({ file }) => file);
  }

  /** Expects that a program has ended and printed what its page says; of the last, that the process ended well, too. */
  expectOutput({ file, prints }: Program): void {
    this.#ran ??= runAll(this.#files);
    const { status, stderr, outputs } = this.#ran;
    const output = outputs.get(file);
    if (output === undefined) expect.fail(`${file} has not come to its end: ${stderr}`);
    if (file === this.#files.at(-1)) expect(status, stderr).toBe(0);
    expect(output.trim()).not.toBe('');
    if (prints !== null) expect(output).toMatch(outputLike(prints));
  }
}

type Program = (typeof examples)[number];

/** Finds the page that a program is on. Tests of node:test print when their process ends: each has one of its own. */
function pagesOf(programs: readonly Program[]): (program: Program) => Page {
  const nameOf = ({ place, code }: Program) => {
    if (code.includes("from 'node:test'")) return place;
    return place.startsWith('src/') ? 'src' : place.split(':')[0];
  };
  const pages = new Map(
    Map.groupBy(programs, nameOf)
      .entries()
      .map(([name, of]) => [name, new Page(of)]),
  );
  return (program) => pages.get(nameOf(program))!;
}

/** Accepts this output, with any text where it has an ellipsis. */
function outputLike(text: string): RegExp {
  const parts = text.trimEnd().split('…').map(RegExp.escape);
  return new RegExp(`^${parts.join('[^]*')}\\s*$`);
}

describe('the program runs that is printed in', () => {
  const pageOf = pagesOf(examples);
  test.each(examples)('$place', (program) => pageOf(program).expectOutput(program));
});

describe('the program runs beside the AI SDK that is printed in', () => {
  beforeAll(() => {
    for (const name of ['ai', '@ai-sdk/provider']) linkPackage(name, packed.user);
    for (const { file, code } of sdkExamples) writeFileSync(join(packed.user, file), code);
  });

  const pageOf = pagesOf(sdkExamples);
  test.each(sdkExamples)('$place', (program) => pageOf(program).expectOutput(program));
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
    writeFileSync(join(packed.user, 'right.ts'), "console.log('a');");
    writeFileSync(join(packed.user, 'wrong.ts'), "import { nothing } from 'roseinfer'; console.log(nothing);");
    const { status, outputs } = runAll(['right.ts', 'wrong.ts', 'later.ts']);
    expect([status, ...outputs]).toEqual([1, ['right.ts', 'a\n']]);
    const silent = { ...examples[0]!, file: 'right.ts', prints: 'b' };
    expect(() => new Page([silent]).expectOutput(silent)).toThrow('to match');
    expect('a\n1\nb\n').toMatch(outputLike('a\n…\nb\n'));
    expect('a\n1\nc\n').not.toMatch(outputLike('a\n…\nb\n'));
  });
});
