import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Top directory of the package. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Version of the package. */
export function packageVersion(): string {
  return String(createRequire(import.meta.url)('../../package.json').version);
}
