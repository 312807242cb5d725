// The mutation run itself: operators make the faults that their names say, every kernel has a table, every explanation
// a mutant.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Kernel } from '../../src/gpu/kernel.ts';
import { shadersOf } from '../../src/gpu/shader-names.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import * as library from '../../src/kernels/index.ts';
import { type MutantText, mutantTexts } from '../../src/testing/index.ts';
import { OPERATORS } from '../../src/testing/mutants/operators.ts';
import { runNode } from '../support/run-node.ts';
import { EXPLANATIONS, explain } from './explanations.ts';
import { tablesOf } from './tables.ts';

const LOOP = `const N = 4u;
fn main(lane: u32) {
  for (var i = 0u; i < N; i++) { sum = fma(x[i], y[i], sum); }
  var tile = 0.0;
  for (var k = 0u; k < N; k += 2u) {
    var part = array<f32, 2>();
    workgroupBarrier();
    tile += select(1.0, x[k - lane], k < lane && k > 1u);
  }
}`;

/** Lines that an operator makes of lines of the text. */
function changed(operator: string, source = LOOP): string[] {
  return mutantTexts({ loop: source })
    .filter((mutant) => mutant.operator === operator)
    .map(({ after }) => after);
}

describe('an operator', () => {
  test.each([
    { operator: 'comparison reversed', after: 'tile += select(1.0, x[k - lane], k > lane && k > 1u);' },
    { operator: 'bound ± 1', after: 'for (var k = 0u; k < (N - 1); k += 2u) {' },
    { operator: 'barrier removed', after: '' },
    { operator: 'arithmetic changed', after: 'tile += select(1.0, x[k + lane], k < lane && k > 1u);' },
    { operator: 'term dropped', after: 'tile += select(1.0, x[k ], k < lane && k > 1u);' },
    { operator: 'operands swapped', after: 'tile += select(1.0, x[(lane) - (k)], k < lane && k > 1u);' },
    { operator: 'operands swapped', after: 'tile += select(x[k - lane], 1.0, k < lane && k > 1u);' },
    { operator: 'mask inverted', after: 'tile += select(1.0, x[k - lane], !(k < lane && k > 1u));' },
    { operator: 'conjunct dropped', after: 'tile += select(1.0, x[k - lane], k > 1u);' },
    { operator: 'initial value changed', after: 'var tile = 1.0;' },
    { operator: 'constant perturbed', after: 'const N = (4u - 1);' },
    { operator: 'fma cut', after: 'for (var i = 0u; i < N; i++) { sum = ((x[i]) * (y[i])); }' },
    { operator: 'sum replaced by its last term', after: 'tile = select(1.0, x[k - lane], k < lane && k > 1u);' },
    { operator: 'index ± 1', after: 'tile += select(1.0, x[(k - lane) + 1], k < lane && k > 1u);' },
  ])('$operator makes "$after"', ({ operator, after }) => {
    expect(changed(operator).map((line) => line.replaceAll(/\s+/g, ' '))).toContain(after);
  });

  test('"order reversed" runs a loop backwards', () => {
    expect(changed('order reversed')).toEqual([
      'for (var i_up = 0u; i_up < N; i_up++) { let i = (0u) + (N) - 1 - i_up; sum = fma(x[i], y[i], sum); }',
    ]);
  });

  test('"reset removed" moves a variable of a loop out of the function', () => {
    const [mutant] = mutantTexts({ loop: LOOP }).filter(({ operator }) => operator === 'reset removed');
    expect(mutant?.source).toBe(
      `${LOOP.replace('var part = array<f32, 2>();', '')}\nvar<private> part = array<f32, 2>();\n`,
    );
  });

  test('finds a site in some shader', () => {
    const found = new Set(mutantTexts(shaderSources()).map(({ operator }) => operator));
    expect([...found].sort()).toEqual(Object.keys(OPERATORS).sort());
  });

  test('leaves declarations, comments and template lists alone', () => {
    const quiet = '// a < b\n@group(0) @binding(1) var<storage, read> x: array<vec2<f32>, 8>;\nstruct P { N: u32 }\n';
    expect(mutantTexts({ quiet })).toEqual([]);
  });
});

test('every explanation of a survivor is one of a mutant', () => {
  const all = mutantTexts(shaderSources());
  const used = new Set(all.map(explain));
  expect(EXPLANATIONS.filter((explanation) => !used.has(explanation))).toEqual([]);
});

test('every kernel of the library has a table', () => {
  const kernels: Kernel[] = Object.values(library).filter((value) => value instanceof Kernel);
  expect(kernels.length).toBeGreaterThan(10);
  const untested = kernels.filter(({ spec }) => shadersOf(spec).some((shader) => tablesOf(shader).length === 0));
  expect(untested.map(({ name }) => name)).toEqual([]);
});

test('operators take turns, in an order that the seed gives', () => {
  const orderOf = (seed: number) => mutantTexts({ loop: LOOP }, { seed });
  const order = orderOf(3);
  expect(orderOf(3)).toEqual(order);
  expect(orderOf(4)).not.toEqual(order);
  const sorted = (mutants: readonly MutantText[]) => mutants.map(({ source }) => source).sort();
  expect(sorted(orderOf(4))).toEqual(sorted(order));
  const operators = new Set(order.map(({ operator }) => operator)).size;
  expect(new Set(order.slice(0, operators).map(({ operator }) => operator)).size).toBe(operators);
});

test('a run says what it sampled, what was killed and what survived', () => {
  const flags = ['--seed', '5', '--count', '6', '--shader', 'gather_rows', '--reduction', 'gpu'];
  const { status, stdout } = runNode(['test/mutants/run.ts', ...flags]);
  expect(stdout).toMatch(/^seed 5: 6 of \d+ mutants of 1 shaders\nno clean shader is flagged\n/);
  expect(stdout).toMatch(/killed \/ compiled by shader\n {2}gather_rows +\d \/ \d\n/);
  expect(stdout).toMatch(/\d of \d killed \(\d+\.\d %\), \d more are equivalent\n$/);
  expect(status).toBe(0);
});

test('a judge ends with its runner, even in the middle of a shader that never does', async () => {
  const endless = shaderSources().gather_rows?.replace(/out\[.*;/, 'while (global.x < params.C) { $& }');
  // The runner dies once the judge has answered and has more to do. It shares its stdout, which closes when both are gone.
  const runner = `
    import { fork } from 'node:child_process';
    const judge = fork('test/mutants/judge.ts', { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
    console.log(judge.pid);
    judge.once('message', () => {
      judge.send(${JSON.stringify(['gather_rows', endless])}, () => process.kill(process.pid, 'SIGKILL'));
    });
    judge.send(['no shader', '']);`;
  const child = spawn(process.execPath, ['--eval', runner], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = await once(child.stdout, 'data');
  onTestFinished(() => {
    if (!child.stdout.closed) process.kill(Number(pid), 'SIGKILL');
  });
  await once(child, 'close');
});
