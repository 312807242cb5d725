// Shape letters: those of the kernels are those of the table in docs/kernels.md, no more and no fewer.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PLAIN_TRAITS } from '../../src/gpu/device-traits.ts';
import { Kernel } from '../../src/gpu/kernel.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import * as library from '../../src/kernels/index.ts';
import { probeFma, probeLoad, probeRead } from '../../src/timing/probes.ts';

const kernels: Kernel[] = [...Object.values(library), probeFma, probeLoad, probeRead].filter(
  (value) => value instanceof Kernel,
);

/** Letters of the rows of the table. */
function tabled(): string[] {
  const [, section = ''] = readFileSync('docs/kernels.md', 'utf8').split(/^## Shape letters$/m);
  return [...(section.split(/^## /m)[0] ?? '').matchAll(/^\| ([A-Z]) \|/gm)].map(([, letter = '']) => letter);
}

const isLetter = (name: unknown): name is string => typeof name === 'string' && /^[A-Z]$/.test(name);

/** Single letters among the names that a kernel's shapes, scalars and constants have. */
function lettersOf({ spec }: Kernel): string[] {
  const shapes = Object.values(spec.bindings).flatMap(({ shape }) => [...shape]);
  const traits = { ...PLAIN_TRAITS, vendor: 'any', minSubgroupSize: 4 };
  const constants = Object.keys(spec.constants?.(traits) ?? {});
  return [...shapes, ...Object.keys(spec.params ?? {}), ...(spec.extras ?? []), ...constants].filter(isLetter);
}

/** Letters of the shapes in a shader's comments: `x[M, K]`. */
function lettersOfComments(text: string): string[] {
  const comments = text.match(/\/\/.*$/gm)?.join('\n') ?? '';
  const shapes = [...comments.matchAll(/\b\w+\[([^\]]*)\]/g)].map(([, shape = '']) => shape);
  return shapes.flatMap((shape) => shape.match(/\b[A-Z]\b/g) ?? []);
}

test('each letter of a kernel has a row in the table, once, and each row has a kernel', () => {
  const used = new Set(kernels.flatMap(lettersOf));
  expect(tabled()).toEqual([...used].sort());
});

test('a shader names no other letters in the shapes of its comments', () => {
  const known = tabled();
  const strangers = Object.entries(shaderSources()).flatMap(([shader, text]) =>
    lettersOfComments(text).flatMap((letter) => (known.includes(letter) ? [] : [`${shader}: ${letter}`])),
  );
  expect(strangers).toEqual([]);
  expect(lettersOfComments(shaderSources().matmul_naive ?? '')).toEqual(expect.arrayContaining(['M', 'K', 'N']));
});
