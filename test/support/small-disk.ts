// A small file system of a test, which can be full or read-only.
import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary-directory.ts';

/** True where a test may mount one: as root on Linux. */
export const canMountDisk = process.getuid?.() === 0 && process.platform === 'linux';

/** Mounts one on an empty directory until the test ends. @param options of `mount`. */
export function mountDisk(options: string): string {
  const directory = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  onTestFinished(() => void execFileSync('umount', [directory]));
  return directory;
}
