// The programs of this folder, which people run with flags of their own: each has a help, and refuses other flags by name.
// @module-tag slow
import { expect, test } from 'vitest';
import { runNode } from './support/run-node.ts';

test.each(['fuzz', 'isa', 'mutants', 'runtimes', 'schemas', 'soak'])(
  'test/%s/run.ts has a help and takes no other flags',
  (name) => {
    const program = `test/${name}/run.ts`;
    expect(runNode([program, '--help']).stdout).toContain(`node ${program} [flags]`);
    const { status, stderr } = runNode([program, '--sed', '3']);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^error: unknown flag "--sed".*\n$/),
    });
  },
);
