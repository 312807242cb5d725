// A pull: the files of a model that are needed, from the hub into its cache. The revision is noted last, so a name never leads to
// a part of a model.
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLock } from '../util/file-lock.ts';
import { makeDirectory } from '../util/make-directory.ts';
import { codeOf } from '../util/regular-file.ts';
import { HubCacheError, HubError } from './hub-error.ts';
import { HubRequests } from './hub-requests.ts';
import type { HubSettings } from './hub-settings.ts';
import { listRepo, type RepoFile } from './list-repo.ts';
import { partialPath } from './partial-file.ts';
import { RepoCache, repoFolder } from './repo-cache.ts';
import type { RepoName } from './repo-name.ts';
import { fetchFile } from './transfer.ts';

/** Milliseconds before the second attempt at a request. */
const BACKOFF_MS = 500;
/** Milliseconds without a byte after which a connection counts as cut. */
const STALL_MS = 60_000;

/** Access to files that a choice depends on. */
export interface FileAccess {
  /** Fetches a file and returns its path. */
  whole(file: RepoFile): Promise<string>;
  /** Fetches its beginning, of at least this number of bytes, or all, and returns the path of what is there. */
  head(file: RepoFile, numBytes: number): Promise<string>;
}

/** Chooser of the files of a model that are needed. */
export type ChooseFiles = (files: readonly RepoFile[], access: FileAccess) => Promise<readonly RepoFile[]>;

/** Options of a pull. */
export interface PullOptions {
  readonly settings: HubSettings;
  readonly choose: ChooseFiles;
  readonly signal: AbortSignal;
  /** Receives the bytes that are there and those of all chosen files. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Receives a line on a wait: for another process, or until the next attempt. */
  readonly onWait?: (line: string) => void;
  /** Milliseconds before the second attempt at a request; by default 500. */
  readonly backoff?: number;
  /** Milliseconds without a byte after which a connection counts as cut; by default a minute. */
  readonly stall?: number;
}

/** Model in the cache. */
export interface Pulled {
  /** Directory of the files, or the file that the name has. */
  readonly path: string;
  readonly commit: string;
  /** Bytes of the files that are needed; null where no listing was asked for, offline. */
  readonly bytes: number | null;
  /** Bytes of those that were fetched now. */
  readonly fetched: number;
}

/**
 * Brings a model into the cache; what is there is not fetched again.
 *
 * @throws HubError for what the hub has not or refuses, files that are not as listed, and a cache that can't be written;
 * what `choose` throws.
 */
export async function pull(name: RepoName, options: PullOptions): Promise<Pulled> {
  const { settings, signal, onWait = () => {} } = options;
  const cache = new RepoCache(settings.cache, name.repo);
  if (settings.offline) return await findOffline(name, cache);
  try {
    const lock = join(settings.cache, '.locks', repoFolder(name.repo), 'roseinfer-pull.lock');
    await makeDirectory(join(cache.path, 'blobs'));
    await using _ = await FileLock.acquire(lock, signal, () => onWait(`another process pulls ${name.repo}: waiting`));
    return await pullAlone(name, cache, options);
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof HubError || signal.aborted || code === undefined || !isOfSystem(error)) throw error;
    const found = code === 'ENOSPC' || code === 'EDQUOT' ? `full (${code})` : `unusable (${code})`;
    const expected = 'a directory that can be written, with room for the model; HF_HOME or HF_HUB_CACHE names it';
    throw new HubCacheError(settings.cache, found, expected, { cause: error });
  }
}

/** Tells whether an error comes from a call of the system: all others are about the model. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function pullAlone(name: RepoName, cache: RepoCache, options: PullOptions): Promise<Pulled> {
  const { settings, choose, signal, onProgress = () => {}, onWait, backoff = BACKOFF_MS, stall = STALL_MS } = options;
  const { endpoint, token, symlinks } = settings;
  const { repo, revision } = name;
  const requests = new HubRequests({
    ...{ repo, endpoint, token, signal, backoff },
    onWait: ({ message }, ms) => onWait?.(`${message}; next attempt in ${(ms / 1000).toFixed(1)} s`),
  });
  const { commit, files } = await listRepo(requests, revision);
  const snapshot = cache.snapshot(commit);
  let fetched = 0;
  const begin = async (file: RepoFile, onLength: (bytes: number) => void, upTo: number) => {
    const url = `${endpoint}/${repo}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
    await fetchFile({ requests, url, file, blob: cache.blob(file.hash), stall, upTo, onLength });
  };
  const bring = async (file: RepoFile, onLength: (bytes: number) => void): Promise<string> => {
    const path = join(snapshot, file.path);
    if (await cache.has(commit, file)) return path;
    const isNew = !(await cache.hasBlob(file));
    if (isNew) {
      await begin(file, onLength, file.size);
      fetched += file.size;
    }
    await cache.addToSnapshot(commit, file, { symlinks, isNew });
    return path;
  };
  const chosen = await choose(files, {
    whole: (file) => bring(file, () => {}),
    head: async (file, numBytes) => {
      const isThere = numBytes >= file.size || (await cache.has(commit, file)) || (await cache.hasBlob(file));
      if (isThere) return await bring(file, () => {});
      await begin(file, () => {}, numBytes);
      return partialPath(cache.blob(file.hash));
    },
  });
  const bytes = sumOf(chosen);
  await checkRoom(cache, commit, chosen);
  let done = 0;
  for (const file of chosen) {
    await bring(file, (length) => onProgress(done + length, bytes));
    done += file.size;
    onProgress(done, bytes);
  }
  await cache.writeRef(revision, commit);
  return { path: name.file === null ? snapshot : join(snapshot, name.file), commit, bytes, fetched };
}

async function findOffline({ repo, revision, file }: RepoName, cache: RepoCache): Promise<Pulled> {
  const path = await cache.findSnapshot(revision);
  if (path === null) {
    const expected = 'to be unset, or the model in the cache';
    throw new HubError(
      `${repo}: HF_HUB_OFFLINE is set and revision ${revision} is not in the cache, expected it ${expected}`,
    );
  }
  return { path: file === null ? path : join(path, file), commit: path.slice(-40), bytes: null, fetched: 0 };
}

/** Refuses files that the disk has no room for, before they are fetched. */
async function checkRoom(cache: RepoCache, commit: string, files: readonly RepoFile[]): Promise<void> {
  const missing: RepoFile[] = [];
  for (const file of files) if (!(await cache.has(commit, file)) && !(await cache.hasBlob(file))) missing.push(file);
  const needed = sumOf(missing);
  const { bavail, bsize } = await statfs(cache.path);
  const free = bavail * bsize;
  if (needed > free) throw new HubCacheError(cache.path, `on a disk with ${free} free bytes`, `at least ${needed}`);
}

function sumOf(files: readonly RepoFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
