// One process at a time, such as at a pull of a model: a file that only one can make, touched while it is held. Node has no locks of the system,
// so a lock whose process is gone, or that nobody has touched for long, is taken over.
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { makeDirectory } from './make-directory.ts';
import { codeOf } from './regular-file.ts';

/** Milliseconds between two looks at a lock that another holds. */
const POLL_MS = 200;
const TOUCH_MS = 5000;
/** Age of a lock that its holder would have touched many times. */
const STALE_MS = 60_000;

/** Lock that this process holds; made by `FileLock.acquire` and `tryAcquire`. */
export class FileLock implements AsyncDisposable {
  readonly #path: string;
  readonly #text: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    const touch = () => utimes(path, new Date(), new Date()).catch(() => {});
    this.#timer = setInterval(touch, TOUCH_MS).unref();
  }

  /**
   * Waits until no other process holds the lock, and holds it.
   *
   * @param onWait is called once when it has to wait.
   * @throws what the file system throws, and the signal's reason.
   */
  static async acquire(path: string, signal: AbortSignal, onWait: () => void): Promise<FileLock> {
    await makeDirectory(dirname(path));
    for (let isFirst = true; ; isFirst = false) {
      signal.throwIfAborted();
      const lock = await FileLock.tryAcquire(path);
      if (lock !== null) return lock;
      if (isFirst) onWait();
      await setTimeout(POLL_MS, undefined, { signal });
    }
  }

  /**
   * Holds the lock; returns null while another process does.
   *
   * @throws what the file system throws.
   */
  static async tryAcquire(path: string): Promise<FileLock | null> {
    const text = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() });
    for (;;) {
      if (await make(path, text)) return new FileLock(path, text);
      const held = await readFile(path, 'utf8').catch(() => null);
      if (held === null) continue;
      if (!(await isStale(path, held))) return null;
      await takeAway(path, held);
    }
  }

  /** Lets go. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if ((await readFile(this.#path, 'utf8').catch(() => null)) === this.#text) await rm(this.#path, { force: true });
  }
}

/** Makes the file; returns false where it is there. */
async function make(path: string, text: string): Promise<boolean> {
  try {
    await using handle = await open(path, 'wx');
    await handle.writeFile(text);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path: string, text: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  if (stats === null) return false;
  if (Date.now() - stats.mtimeMs > STALE_MS) return true;
  const [, host, pid] = /^\{"host":(".*"),"pid":(\d+),/.exec(text) ?? [];
  return host === JSON.stringify(hostname()) && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Removes a stale lock. Another process may have done so and hold a new one: what was moved is compared, and put back. */
async function takeAway(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(() => {});
  const moved = await readFile(aside, 'utf8').catch(() => null);
  if (moved !== null && moved !== text && (await make(path, moved))) await utimes(path, new Date(), new Date());
  await rm(aside, { force: true });
}
