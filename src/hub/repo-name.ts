// Names of models of the hub. The grammar is the hub's, so a name can be told from a path that merely does not exist, and none
// leads out of the cache.
import { RangeValueError } from '../util/errors.ts';

/** Revision of a name that has none. */
export const DEFAULT_REVISION = 'main';

/** Model of the hub, as a name gives it. */
export interface RepoName {
  /** `OWNER/NAME`, or `NAME` as the oldest have it. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** GGUF file in the repository; null for the model of its config.json. */
  readonly file: string | null;
}

const MAX_REPO_LENGTH = 96;
const PART = String.raw`[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?`;
const REPO = new RegExp(`^(?:${PART}/)?${PART}$`);
const REVISION = /^[\w.+-]+(?:\/[\w.+-]+)*$/;
/** Full name of a commit. */
export const COMMIT = /^[0-9a-f]{40}$/;

/** `OWNER/NAME`, `OWNER/NAME@REVISION`, either with `/FILE.gguf`: a revision with a slash has no file after it. */
const NAME = new RegExp(`^(?<repo>(?:${PART}/)?${PART})(?:@(?<revision>[^@/]+|[^@]+(?<!\\.gguf)))?$`);
const FILE_NAME = new RegExp(`^(?<repo>${PART}/${PART})(?:@(?<revision>[^@/]+))?/(?<file>.+\\.gguf)$`, 's');

/** Reads the name of a model of the hub; null for a text that is none, such as a path. */
export function parseRepoName(name: string): RepoName | null {
  const { repo, revision = DEFAULT_REVISION, file = null } = (FILE_NAME.exec(name) ?? NAME.exec(name))?.groups ?? {};
  if (repo === undefined || !isRepo(repo) || !isRevision(revision)) return null;
  return file !== null && !isFilePath(file) ? null : { repo, revision, file };
}

function isRepo(text: string): boolean {
  return text.length <= MAX_REPO_LENGTH && REPO.test(text) && !/--|\.\.|\.git$/.test(text);
}

/** Tells whether git takes a text for a name, and a cache for a path inside it. */
function isRevision(text: string): boolean {
  return REVISION.test(text) && !/\.\.|^[.-]|\/[.-]|\.(?:lock)?(?:\/|$)/.test(text);
}

/**
 * Reads the name of a model that is to be pulled.
 *
 * @param revision of a flag, which a name that has one of its own can't have beside it.
 * @throws RangeValueError for a name or a revision that the hub can't have.
 */
export function readRepoName(name: string, revision?: string): RepoName {
  const parsed = parseRepoName(name);
  if (parsed === null) {
    const expected = 'OWNER/NAME of a model of the hub, with @REVISION or /FILE.gguf after it or without';
    throw new RangeValueError('repo', name, expected);
  }
  if (revision === undefined) return parsed;
  if (!isRevision(revision)) throw new RangeValueError('revision', revision, 'a branch, a tag or a commit');
  if (name.includes('@') && revision !== parsed.revision) {
    throw new RangeValueError('revision', revision, `that of the name, ${parsed.revision}`);
  }
  return { ...parsed, revision };
}

/** Tells whether a path of a repository stays inside a directory, on every platform. */
export function isFilePath(path: string): boolean {
  const parts = path.split('/');
  return !/[\\:\p{Cc}]/u.test(path) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
}
