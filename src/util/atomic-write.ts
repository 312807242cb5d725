// Writes a file whole: its content goes to a draft in the same directory, which then takes its place. The draft's name
// can't be foreseen and it is opened only where nothing is, so that a planted file or link is never written to.
import { randomUUID } from 'node:crypto';
import { type Stats, unlinkSync } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Replaces a file, or makes it: at every moment there is the old one or the new one. The mode stays as it was, and so
 * does the owner where the user may set it.
 *
 * @param path a regular file or nothing; a link would be replaced, not followed.
 * @throws what the file system throws; no draft is left then.
 */
export async function writeAtomically(path: string, content: string | Iterable<string>): Promise<void> {
  const old = await stat(path).catch(() => null);
  await withDraft(path, old === null ? 0o666 : 0o600, async (handle, draft) => {
    if (old !== null) await keepAccess(handle, old);
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    await rename(draft, path);
  });
}

/**
 * Finds out whether `writeAtomically` can make its draft.
 *
 * @throws what the file system throws.
 */
export async function probeDraft(path: string): Promise<void> {
  await withDraft(path, 0o600, (handle) => handle.close());
}

/** Opens a draft for `use`. It is deleted unless it was renamed, also when the process ends meanwhile. */
async function withDraft(
  path: string,
  mode: number,
  use: (handle: FileHandle, draft: string) => Promise<void>,
): Promise<void> {
  const draft = join(dirname(path), `.roseinfer-${randomUUID()}.tmp`);
  const handle = await open(draft, 'wx', mode);
  const discard = () => {
    try {
      unlinkSync(draft);
    } catch {
      // It was renamed.
    }
  };
  process.once('exit', discard);
  try {
    await use(handle, draft);
  } finally {
    await handle.close().catch(() => {});
    process.off('exit', discard);
    discard();
  }
}

/** Gives a new file the owner, where the user may, and then the mode of an old one. */
async function keepAccess(handle: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const made = await handle.stat();
  if (made.uid !== uid || made.gid !== gid) await handle.chown(uid, gid).catch(() => {});
  await handle.chmod(mode & 0o7777);
}
