// Executes the notebooks in docs/notebooks with Deno's kernel, in the folder of the repository, and compares what they print with what
// they hold. `--write` stores the outputs instead.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { runScript } from '../../bench/common/script.ts';
import { switchFlag } from '../../src/terminal/flags.ts';
import { compareOutputs, readNotebook } from './notebook-outputs.ts';
import { findPython, findTool } from './tools.ts';

const NOTEBOOKS = 'docs/notebooks';
const EXECUTE = join(import.meta.dirname, 'execute-notebook.py');

const flags = {
  write: { ...switchFlag('write'), describe: 'store the outputs in the notebooks instead' },
};
const usage =
  "node test/runtimes/notebooks.ts [flags]\n\nExecutes the notebooks with Deno's kernel, and compares what they print with what they hold.";

await runScript({ usage, flags }, async ({ write }) => {
  const [deno, python] = [findTool('deno'), findPython()];
  if ('missing' in deno) throw new Error(deno.missing);
  if ('missing' in python) throw new Error(python.missing);

  const directory = mkdtempSync(join(tmpdir(), 'notebooks-'));
  let failed = 0;
  try {
    // Jupyter finds the kernel here; `deno jupyter --install` would write to the home folder.
    const kernel = join(directory, 'kernels', 'deno');
    mkdirSync(kernel, { recursive: true });
    const argv = [deno.path, 'jupyter', '--kernel', '--conn', '{connection_file}'];
    writeFileSync(join(kernel, 'kernel.json'), JSON.stringify({ argv, display_name: 'Deno', language: 'typescript' }));
    const env = { ...process.env, JUPYTER_PATH: directory, NO_COLOR: '1' };
    for (const name of readdirSync(NOTEBOOKS).filter((file) => file.endsWith('.ipynb'))) {
      const path = join(NOTEBOOKS, name);
      const out = write ? path : join(directory, name);
      const stored = readNotebook(path);
      execFileSync(python.path, [EXECUTE, path, out], { env, stdio: 'inherit' });
      const differences = write ? [] : compareOutputs(stored, readNotebook(out));
      for (const difference of differences) console.error(`${path}, ${difference}`);
      failed += differences.length;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  if (failed > 0) process.exitCode = 1;
});
