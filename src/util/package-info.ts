// Top directory and version of the package.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { packageFile } from './package-file.ts';

/** Top directory of the package. */
export const packageRoot = fileURLToPath(packageFile(''));

/** Version of the package. */
export function packageVersion(): string {
  return String(createRequire(packageFile(''))('./package.json').version);
}
