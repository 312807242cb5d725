// Runs for a family that end with an error, for no GPU of that family answers.
import { expect, test } from 'vitest';
import { CompileFamilyError, runFamily } from './run-family.ts';

const NOTHING = '/nowhere/at/all';

test('a driver that answers with no GPU is an error', async () => {
  const run = runFamily({ library: NOTHING, manifest: NOTHING }, 'navi31');
  await expect(run).rejects.toThrow(/^navi31, before the first shader: AdapterError: /);
  await expect(run).rejects.toBeInstanceOf(CompileFamilyError);
});

test('another GPU that answers is an error', async () => {
  const run = runFamily({ library: NOTHING, manifest: '' }, 'navi31');
  await expect(run).rejects.toThrow(/^navi31, before the first shader: .*expected a GPU of navi31/);
});
