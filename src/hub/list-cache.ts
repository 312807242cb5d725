// What is in the cache: each branch or tag of a model that was fetched, and each commit that none of them names.
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../util/regular-file.ts';
import { HubCacheError } from './hub-error.ts';
import { RepoCache, repoOfFolder } from './repo-cache.ts';

/** Revision of a model in the cache. */
export interface CachedRevision {
  readonly repo: string;
  /** Branch or tag; the commit where none leads to it. */
  readonly revision: string;
  readonly commit: string;
  /** Directory of its files. */
  readonly path: string;
  /** Paths of its files from there, in order. */
  readonly files: readonly string[];
  /** Bytes of its files; two names of the same bytes count once. */
  readonly bytes: number;
}

/**
 * Lists the models in a cache by name and revision; none where there is no cache yet.
 *
 * @throws HubCacheError for a cache that can't be read.
 */
export async function listCache(cache: string): Promise<CachedRevision[]> {
  const folders = await readdir(cache).catch((cause: unknown) => {
    const code = codeOf(cause);
    if (code === 'ENOENT') return [];
    throw new HubCacheError(cache, `unreadable (${code})`, 'a directory; HF_HOME or HF_HUB_CACHE names it', { cause });
  });
  const revisions: CachedRevision[] = [];
  for (const folder of folders.toSorted()) {
    const repo = repoOfFolder(folder);
    if (repo !== null) revisions.push(...(await listRevisions(repo, new RepoCache(cache, repo))));
  }
  return revisions;
}

async function listRevisions(repo: string, cache: RepoCache): Promise<CachedRevision[]> {
  const refs = await filesIn(join(cache.path, 'refs'));
  const commits = new Set(await readdir(join(cache.path, 'snapshots')).catch(() => []));
  const unnamed = new Set(commits);
  const revisions: CachedRevision[] = [];
  const add = async (revision: string) => {
    const path = await cache.findSnapshot(revision);
    if (path === null) return;
    const commit = path.slice(-40);
    unnamed.delete(commit);
    const files = await filesIn(path);
    revisions.push({ repo, revision, commit, path, files, bytes: await bytesOf(path, files) });
  };
  for (const ref of refs) await add(ref);
  for (const commit of [...unnamed].toSorted()) await add(commit);
  return revisions;
}

/** Lists the files under a directory and the links to some, in order. */
async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(directory.length + 1)).toSorted();
}

async function bytesOf(directory: string, files: readonly string[]): Promise<number> {
  const sizes = new Map<string, number>();
  for (const file of files) {
    const path = await realpath(join(directory, file)).catch(() => null);
    if (path !== null) sizes.set(path, (await stat(path)).size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
