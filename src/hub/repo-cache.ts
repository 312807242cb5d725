// A model in the cache of the hub, in the layout of its Python client: files by their hashes in blobs/, a directory of links for
// each commit in snapshots/, and the commit of each branch or tag in refs/. Either client finds what the other fetched.
import { copyFile, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeAtomically } from '../util/atomic-write.ts';
import { makeDirectory } from '../util/make-directory.ts';
import type { RepoFile } from './list-repo.ts';
import { COMMIT, parseRepoName } from './repo-name.ts';

const PREFIX = 'models--';

/** Name of the directory of a model. */
export function repoFolder(repo: string): string {
  return PREFIX + repo.replaceAll('/', '--');
}

/** Directory of one model. */
export class RepoCache {
  readonly path: string;

  constructor(cache: string, repo: string) {
    this.path = join(cache, repoFolder(repo));
  }

  /** Path of a file by its hash. */
  blob(hash: string): string {
    return join(this.path, 'blobs', hash);
  }

  /** Directory of a commit. */
  snapshot(commit: string): string {
    return join(this.path, 'snapshots', commit);
  }

  /** Finds the directory of a revision; null where it was not fetched. */
  async findSnapshot(revision: string): Promise<string | null> {
    const commit = COMMIT.test(revision) ? revision : await this.#readRef(revision);
    if (commit === null) return null;
    const path = this.snapshot(commit);
    const stats = await stat(path).catch(() => null);
    return stats?.isDirectory() ? path : null;
  }

  /** Tells whether a file of a commit is there, as long as it should be. Its hash was compared when it came. */
  async has(commit: string, file: RepoFile): Promise<boolean> {
    return await isFile(join(this.snapshot(commit), file.path), file.size);
  }

  /** Tells whether the bytes of a file are there, of this commit or another. */
  async hasBlob({ hash, size }: RepoFile): Promise<boolean> {
    return await isFile(this.blob(hash), size);
  }

  /**
   * Puts a file into the directory of a commit: a link to its bytes, or the bytes where there are no links.
   *
   * @param isNew true where no other commit may have it: then the bytes are moved and not copied.
   * @throws what the file system throws.
   */
  async addToSnapshot(
    commit: string,
    file: RepoFile,
    { symlinks, isNew }: { symlinks: boolean; isNew: boolean },
  ): Promise<void> {
    const path = join(this.snapshot(commit), file.path);
    const blob = this.blob(file.hash);
    await makeDirectory(dirname(path));
    await rm(path, { force: true });
    if (symlinks && (await link(relative(dirname(path), blob), path))) return;
    if (isNew) return await rename(blob, path);
    const draft = `${path}.roseinfer.incomplete`;
    await copyFile(blob, draft);
    await rename(draft, path);
  }

  /** Notes the commit of a branch or tag. */
  async writeRef(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.#readRef(revision)) === commit) return;
    const path = join(this.path, 'refs', revision);
    await makeDirectory(dirname(path));
    await writeAtomically(path, commit);
  }

  async #readRef(revision: string): Promise<string | null> {
    const text = await readFile(join(this.path, 'refs', revision), 'utf8').catch(() => '');
    return COMMIT.test(text.trim()) ? text.trim() : null;
  }
}

/** Makes a link; returns false where the file system or the user may have none. */
async function link(target: string, path: string): Promise<boolean> {
  try {
    await symlink(target, path);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].some((each) => each === code)) return false;
    throw error;
  }
}

async function isFile(path: string, size: number): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  return stats?.isFile() === true && stats.size === size;
}

/** Names the model that a directory of the cache is of; null for one of something else. */
export function repoOfFolder(folder: string): string | null {
  const name = folder.startsWith(PREFIX) ? parseRepoName(folder.slice(PREFIX.length).replaceAll('--', '/')) : null;
  return name?.file === null ? name.repo : null;
}

/** Names the model whose snapshot a directory is; null for any other. */
export function repoOfSnapshot(path: string): string | null {
  const [, folder] = /[\\/]([^\\/]+)[\\/]snapshots[\\/][^\\/]+[\\/]?$/.exec(path) ?? [];
  return folder === undefined ? null : repoOfFolder(folder);
}
