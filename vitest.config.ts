// Settings of the test run: two processes for a software adapter, files one after another in each, time limits against
// hangs alone.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    tags: [
      { name: 'slow', description: 'Minutes of its own: run by test:slow, not by npm test.' },
      { name: 'smollm2', description: 'Needs the file of SmolLM2: run by test:smollm2, which fetches it.' },
      { name: 'sweep', description: 'Compiles or computes for long: left out of test:quick.' },
    ],
    // Two processes: a software adapter compiles shaders on one core. In each, test files run one after another.
    pool: 'forks',
    maxWorkers: 2,
    isolate: false,
    execArgv: ['--import', './test/support/slow-polling.ts'],
    env: {
      // Programs that tests start keep their compiled code: half of a command's start is stripping types.
      NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/node'),
      // Mesa's software adapter compiles a shader in three quarters of the time where LLVM does not optimize it, and most run for a moment.
      GALLIVM_PERF: 'nopt',
    },
    // Against hangs only: a software adapter compiles for a while when it meets a kernel for the first time.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
