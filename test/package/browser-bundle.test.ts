// The entry points that run in a browser, bundled for one: nothing of Node is in them, and nothing reads a file.
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

/** Entry points whose graph has no name of Node. */
const ENTRIES = [
  'src/kernels/index.ts',
  'src/testing/index.ts',
  'src/reference/index.ts',
  'src/client/index.ts',
  'bench/page/page.ts',
];

/** Names that a browser does not have. */
const NODE_NAMES =
  /\bprocess(?:\.|\?\.|\[)|\b(?:Buffer|__dirname|setImmediate|createRequire)\b|\brequire\(|\bimport\.meta\b|["']node:/;

interface Bundle {
  /** Files and packages that the entry point reaches, by their paths. */
  readonly inputs: readonly string[];
  /** Modules that are not there in a browser. */
  readonly outside: readonly string[];
  readonly code: string;
}

/** Bundles a program for a browser. */
async function bundleOf(contents: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'esnext',
    legalComments: 'none',
    logLevel: 'silent',
    packages: 'bundle',
    external: ['node:*', 'webgpu'],
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return {
    inputs: Object.keys(metafile.inputs),
    outside: imports.filter(({ external }) => external).map(({ path }) => path),
    code: outputFiles.map(({ text }) => text).join('\n'),
  };
}

/** Lines of a program in which a name of Node stands outside comments. */
function linesOfNode(code: string): string[] {
  return code.split('\n').filter((line) => NODE_NAMES.test(line.replace(/^\s*(?:\*|\/[/*]).*$/, '')));
}

describe.each(ENTRIES)('%s', (entry) => {
  test('needs no module of Node, and not webgpu', async () => {
    const { inputs, outside } = await bundleOf(`export * from './${entry}';`);
    expect(inputs.length).toBeGreaterThan(5);
    expect(outside).toEqual([]);
    expect(inputs.filter((input) => /-node\.ts$/.test(input))).toEqual([]);
  });

  test('has no name of Node', async () => {
    expect(linesOfNode((await bundleOf(`export * from './${entry}';`)).code)).toEqual([]);
  });
});

test.each([
  ["import { readFileSync } from 'node:fs'; readFileSync('a');", ['node:fs']],
  ["import { create } from 'webgpu'; create([]);", ['webgpu']],
])('a module that is not there in a browser would be found: %s', async (program, outside) => {
  expect((await bundleOf(program)).outside).toEqual(outside);
});

test.each([
  'console.log(process.env.A);',
  'console.log(Buffer.from("a"));',
  'console.log(new URL("a", import.meta.url));',
])('a name of Node would be found: %s', async (program) => {
  expect(linesOfNode((await bundleOf(program)).code)).toHaveLength(1);
});
