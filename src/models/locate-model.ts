// Where the files of a model's name are. A path is taken as it is; the name of a model of the hub leads to the cache, where
// nothing is asked of the hub.
import { join } from 'node:path';
import { hubCache } from '../hub/hub-settings.ts';
import { RepoCache } from '../hub/repo-cache.ts';
import { parseRepoName } from '../hub/repo-name.ts';
import { isAbsent } from '../util/regular-file.ts';

/**
 * Finds the path of a model's name. Returns a name that leads to no files, and `random:` with a shape, as it is: whoever opens it
 * reports what is missing.
 */
export async function locateModel(name: string): Promise<string> {
  const parsed = parseRepoName(name);
  const cache = hubCache();
  if (parsed === null || cache === null || !(await isAbsent(name))) return name;
  const snapshot = await new RepoCache(cache, parsed.repo).findSnapshot(parsed.revision);
  if (snapshot === null) return name;
  return parsed.file === null ? snapshot : join(snapshot, parsed.file);
}

/** Says how to get a model of the hub that is not there, for the end of "expected …"; null for a name that is none. */
export function pullAdvice(name: string): string | null {
  return parseRepoName(name) === null ? null : `a model of the hub: roseinfer pull ${name} brings it`;
}
