// A tuning cache for each test: no result depends on what another test or the user has tuned.
import { afterEach, beforeEach, vi } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';

/** Gives each test of a file an empty directory for choices. Returns a function that gives the current test its own. */
export function tuningCacheOfEachTest(): () => string {
  let directory = '';
  beforeEach(() => {
    directory = temporaryDirectory();
    vi.stubEnv('ROSEINFER_CACHE', directory);
  });
  afterEach(() => void vi.unstubAllEnvs());
  return () => directory;
}
