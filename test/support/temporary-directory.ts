// Directories of tests: each test gets an empty one, and none outlives its test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Makes a directory that is removed when the running test has finished; in `beforeEach`, too. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'roseinfer-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}
