import { defineConfig } from 'vitest/config';

// One process owns the GPU: test files run one after another in a single fork.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    // Against hangs only: a software adapter compiles for a while when it meets a kernel for the first time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
