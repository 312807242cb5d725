// Environment variables that the package reads. One that is set but empty counts as unset, and a directory that is not
// absolute as unset: it would depend on where a command is started.
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The value of an environment variable; undefined when it is unset or empty. */
export function variable(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** Unsets a variable that is empty, for a native library that would take it for a value. */
export function unsetEmpty(name: string): void {
  if (process.env[name] === '') delete process.env[name];
}

/**
 * Directory of files that may be deleted at any time: `$ROSEINFER_CACHE`, or one in the user's own cache. Null where
 * neither is known; nothing is kept then.
 */
export function cacheDirectory(): string | null {
  const own = absolute(variable('ROSEINFER_CACHE'));
  if (own !== null) return own;
  const home = homeDirectory();
  const cache = absolute(variable('XDG_CACHE_HOME')) ?? (home === null ? null : join(home, '.cache'));
  return cache === null ? null : join(cache, 'roseinfer');
}

/** The user's directory; null where neither a variable nor the system knows it. */
export function homeDirectory(): string | null {
  try {
    return absolute(homedir()) ?? absolute(userInfo().homedir);
  } catch {
    return null;
  }
}

function absolute(path: string | undefined): string | null {
  return path !== undefined && isAbsolute(path) ? path : null;
}
