// A tuning cache for each test: no result depends on what another test or the user has tuned.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';

/** Gives each test of a file an empty directory for choices. Returns a function that gives the current test its own. */
export function tuningCacheOfEachTest(): () => string {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'roseinfer-tuning-'));
    vi.stubEnv('ROSEINFER_CACHE', directory);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  });
  return () => directory;
}
