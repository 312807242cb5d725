// The help of every command, and its refusal of wrong values, from the tables of flags.
// @module-tag sweep
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { batchFlags } from '../../src/cli/batch.ts';
import { completionFlags } from '../../src/cli/completion.ts';
import { doctorFlags } from '../../src/cli/doctor.ts';
import { generateFlags } from '../../src/cli/generate.ts';
import { modelsFlags } from '../../src/cli/models.ts';
import { pullFlags } from '../../src/cli/pull.ts';
import { serveFlags } from '../../src/cli/serve-flags.ts';
import type { FlagTable } from '../../src/terminal/flag-words.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

const tables: Readonly<Record<string, FlagTable>> = {
  generate: generateFlags,
  batch: batchFlags,
  serve: serveFlags,
  pull: pullFlags,
  models: modelsFlags,
  doctor: doctorFlags,
  completion: completionFlags,
};
const roseinfer = (...words: string[]) => runNode(['src/cli/roseinfer.js', ...words]);

test('every command is in the help', () => {
  const { stdout } = roseinfer('--help');
  const listed = [...stdout.matchAll(/^ {2}roseinfer (\w+) /gm)].map(([, name]) => name);
  expect(listed).toEqual(Object.keys(tables));
});

describe.each(Object.keys(tables))('%s', (command) => {
  const table = tables[command] ?? {};

  test('has every flag in its help, with a description, and examples', () => {
    const { status, stdout } = roseinfer(command, '--help');
    expect(status).toBe(0);
    const listed = [...(stdout.split('Examples:')[0] ?? '').matchAll(/^ {2,6}--?([\w-]+) +\S/gm)].map(
      ([, name]) => name,
    );
    expect(listed.toSorted()).toEqual([...Object.keys(table), 'help'].toSorted());
    expect(stdout).toContain(`Examples:\n  `);
    expect(stdout).toContain(`roseinfer ${command}`);
  });

  test('names a flag with a wrong value, and exits with 2', () => {
    const [flag, { takes } = { takes: 'nothing' }] =
      Object.entries(table).find(([, each]) => each.takes === 'nothing') ?? Object.entries(table)[0]!;
    const { status, stdout, stderr } = roseinfer(command, `--${flag}=${takes === 'nothing' ? 'perhaps' : 'fish'}`);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(errorsIn(stderr)).toEqual([expect.stringMatching(/^--[\w-]+ is /)]);
  });
});

test('the script for bash completes commands, and the flags of each', () => {
  const { stdout } = roseinfer('completion', 'bash');
  const complete = (...words: string[]) => {
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
    const script = `${stdout}\n${set}; _roseinfer; echo "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split(' ');
  };
  expect(complete('roseinfer', '')).toEqual([...Object.keys(tables), '--help', '--version']);
  expect(complete('roseinfer', 'ge')).toEqual(['generate']);
  expect(complete('roseinfer', 'batch', 'a', '--o')).toEqual(['--output', '--ordered', '--overwrite']);
  expect(complete('roseinfer', 'batch', 'a')).toEqual(['']);
});
