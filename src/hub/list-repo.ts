// The files of a model at a commit, by the hub's API. Answers are foreign data: what later becomes a path is checked here.
import { listFiles, modelInfo } from '@huggingface/hub';
import { quote } from '../util/quote.ts';
import { HubError } from './hub-error.ts';
import type { HubRequests } from './hub-requests.ts';
import { COMMIT, isFilePath } from './repo-name.ts';

/** File of a repository. */
export interface RepoFile {
  /** From the top of the repository, with slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 (64 hexadecimal digits) of a file that git keeps elsewhere, else git's SHA-1 (40) of it. It names the file in the cache. */
  readonly hash: string;
}

/** Files of a repository at a commit. */
export interface RepoListing {
  readonly commit: string;
  readonly files: readonly RepoFile[];
}

const HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
/** Most files that are listed: no model has as many. */
const MAX_FILES = 100_000;

/**
 * Lists the files of a revision.
 *
 * @throws HubError as `HubRequests.send`, and for an answer that is no listing.
 */
export async function listRepo(requests: HubRequests, revision: string): Promise<RepoListing> {
  const { repo, endpoint: hubUrl } = requests.options;
  const { fetchApi: fetch } = requests;
  const from = { hubUrl, fetch };
  const { sha: commit } = await unlessForeign(
    repo,
    modelInfo({ ...from, name: repo, revision, additionalFields: ['sha'] }),
  );
  if (typeof commit !== 'string' || !COMMIT.test(commit)) throw noListing(repo, `commit ${quote(commit)}`);
  const files: RepoFile[] = [];
  const entries = listFiles({ ...from, repo: { type: 'model', name: repo }, revision: commit, recursive: true });
  for (;;) {
    const { done, value: entry } = await unlessForeign(repo, entries.next());
    if (done) return { commit, files };
    if (files.length === MAX_FILES) throw noListing(repo, `more than ${MAX_FILES} files`);
    if (entry.type !== 'file') continue;
    const { path } = entry;
    const { size, oid: hash } = entry.lfs ?? entry;
    const isFile = typeof path === 'string' && Number.isSafeInteger(size) && size >= 0;
    if (!isFile || typeof hash !== 'string' || !HASH.test(hash))
      throw noListing(repo, `file ${quote(path)} ${quote(hash)}`);
    if (!isFilePath(path)) throw noListing(repo, `path ${quote(path)}`);
    files.push({ path, size, hash });
  }
}

/** Gives errors of an answer that can't be read the form of the package's own. */
async function unlessForeign<T>(repo: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw noListing(repo, quote(error.message), error);
  }
}

function noListing(repo: string, found: string, cause?: unknown): HubError {
  return new HubError(`${repo}: answer of the hub has ${found}, expected a listing of files`, { cause });
}
