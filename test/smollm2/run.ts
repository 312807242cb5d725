// A real model that follows instructions against goldens of transformers: fetches its file, then runs the tests that need it. Where
// the file can't be had, it says so and passes.
//   node test/smollm2/run.ts
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fetchSmolLM2, SMOLLM2_FILE } from './file.ts';

/** Lines of an error that say why. */
const SHOWN_LINES = 3;

const path = await fetchSmolLM2().catch((error: unknown) => {
  const lines = String(error).trim().split('\n');
  console.log(
    `smollm2: not run, for the file can't be had: ${[lines[0], ...lines.slice(1).slice(-SHOWN_LINES)].join(' · ')}`,
  );
  return null;
});
if (path !== null) {
  console.log(`smollm2: ${path}`);
  const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', 'test/smollm2', '--tags-filter=smollm2', ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, [SMOLLM2_FILE]: path },
  });
  process.exitCode = status ?? 1;
}
