// The module of the shaders' texts is in step with shaders/, and one that is not would be found.
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MODULE = 'src/gpu/shader-texts.generated.ts';
const SCRIPT = '.setup/shader-texts.mjs';

test('the texts are those of the files', () => {
  expect(runNode([SCRIPT, '--check'])).toMatchObject({ status: 0, stderr: '' });
});

test('a file that was changed, and one that is gone, is named with the mend', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'src/gpu'), { recursive: true });
  for (const path of ['shaders', SCRIPT, MODULE]) cpSync(path, join(directory, path), { recursive: true });
  const script = join(directory, SCRIPT);
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  expect(runNode([script, '--check']).status).toBe(0);
  appendFileSync(join(directory, 'shaders/embed.wgsl'), `// \`more\` \\ of $${'{it}'}\n`);
  const outcome = {
    status: 1,
    stdout: '',
    stderr: `${MODULE} is out of step with shaders/embed.wgsl: run npm run build:shaders\n`,
  };
  expect(runNode([script, '--check'])).toMatchObject(outcome);
  expect(runNode([script]).status).toBe(0);
  expect(readFileSync(join(directory, MODULE), 'utf8')).toContain(`// \\\`more\\\` \\\\ of \\$${'{it}'}\n`);
  rmSync(join(directory, 'shaders/embed.wgsl'));
  expect(runNode([script, '--check']).stderr).toContain('out of step with a file that is gone: run');
});
