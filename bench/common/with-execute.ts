// A runner whose steps go through a function of the benchmark, which counts or records them.
import type { Runner } from '../../src/core/runner.ts';

/** Makes a runner that is `runner`, except that `execute` runs its steps. */
export function withExecute(runner: Runner, execute: Runner['execute']): Runner {
  return {
    limits: runner.limits,
    eosIds: runner.eosIds,
    readbackMs: runner.readbackMs,
    get failure() {
      return runner.failure;
    },
    execute,
    close: () => runner.close(),
  };
}
