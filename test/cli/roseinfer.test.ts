// The executable on a Node that can't run the package: one line instead of a syntax error.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('an older Node gets one line that names the version it is and the one it should be', () => {
  const pretend = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.11.1'}})";
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', pretend, 'src/cli/roseinfer.js'], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'roseinfer: Node is 20.11.1, expected 24 or newer\n',
  });
});
