import { describe, expect, test } from 'vitest';
import { printedErrors, readmeExamples } from './support/readme-examples.ts';
import { runNode } from './support/run-node.ts';

const examples = readmeExamples(new URL('../README.md', import.meta.url));
const comparisons = examples.filter(({ code }) => /import \{[^}]* layernorm, matmul,/.test(code));

/** Runs a program as a file at the top of the repository would run. */
function run({ language, code }: { language: 'js' | 'ts'; code: string }) {
  return runNode([`--input-type=${language === 'js' ? 'module' : 'module-typescript'}`], { input: code });
}

test('README has examples in both languages that compare three kernels with plain loops', () => {
  expect(comparisons.map(({ language }) => language)).toEqual(['js', 'ts']);
});

describe('a program printed in README runs as it is:', () => {
  test.each(examples)('$title', (example) => {
    const { status, stdout, stderr } = run(example);
    expect(status, stderr).toBe(0);
    expect(stdout).not.toBe('');
    if (!comparisons.includes(example)) return;
    const errors = printedErrors(stdout);
    expect(Object.keys(errors)).toEqual(['layernorm', 'matmul', 'attention']);
    // Sums of at most 32 numbers of size 1 to 10: a few times 2^-24 each.
    for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-5);
  });
});

test('such a comparison can fail', () => {
  const [example] = comparisons;
  const code = example!.code.replace('* gamma[c] + beta[c]', '* gamma[c] - beta[c]');
  expect(code).not.toBe(example!.code);
  expect(printedErrors(run({ language: 'js', code }).stdout).layernorm).toBeGreaterThan(0.1);
});
