// Where the files of a model's name are. A path is taken as it is; the name of the bundled model leads to the package, that of a
// model of the hub to the cache, where nothing is asked of the hub.
import { join } from 'node:path';
import { hubCache } from '../hub/hub-settings.ts';
import { RepoCache } from '../hub/repo-cache.ts';
import { parseRepoName } from '../hub/repo-name.ts';
import { isAbsent } from '../util/regular-file.ts';
import { BUNDLED_MODEL, BUNDLED_NAME } from './bundled-model.ts';

/**
 * Finds the path of a model's name. Returns a name that leads to no files, and `random:` with a shape, as it is: whoever opens it
 * reports what is missing.
 */
export async function locateModel(name: string): Promise<string> {
  const parsed = parseRepoName(name);
  if (parsed === null || !(await isAbsent(name))) return name;
  if (name === BUNDLED_NAME) return BUNDLED_MODEL;
  const cache = hubCache();
  if (cache === null) return name;
  const snapshot = await new RepoCache(cache, parsed.repo).findSnapshot(parsed.revision);
  if (snapshot === null) return name;
  if (parsed.file === null) return snapshot;
  const file = join(snapshot, parsed.file);
  return (await isAbsent(file)) ? name : file;
}

/** End of a name that is rather a file's than a repository's. */
const FILE_NAME = /\.(?:json|gguf|safetensors|bin|pth?|onnx|txt)$/;

/**
 * Says how to get a model of the hub, for the end of "expected …"; null for a path where something is, be it of another kind, and for
 * a name that is not one of the hub's.
 */
export async function pullAdvice(name: string): Promise<string | null> {
  const parsed = parseRepoName(name);
  if (parsed === null || (parsed.file === null && FILE_NAME.test(name)) || !(await isAbsent(name))) return null;
  return `a model of the hub: roseinfer pull ${name} brings it`;
}
