import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AdapterIdentity } from '../gpu/adapter.ts';
import type { MatmulChoice, TunedMatmul } from './matmul-tuning.ts';

/** What measured choices depend on besides their shapes. */
export interface TuningKey {
  readonly adapter: AdapterIdentity;
  /** Everything else: storage type and text of the kernel, say. Another text has to be measured again. */
  readonly kernel: string;
}

/**
 * Where choices are kept: a file for each adapter, driver, version of Dawn and kernel.
 *
 * It is a cache. What can't be read counts as not there, and what can't be written is measured again next time.
 */
export class TuningFile {
  readonly path: string;
  readonly #accepts: (choice: MatmulChoice) => boolean;

  /** @param accepts whether a choice that the file has is one that the kernel can run. */
  constructor({ adapter, kernel }: TuningKey, accepts: (choice: MatmulChoice) => boolean) {
    const { name, backend, driver, webgpu } = adapter;
    const hash = createHash('sha256').update(JSON.stringify([name, backend, driver, webgpu, kernel]));
    this.path = join(cacheDirectory(), `matmul-${hash.digest('hex').slice(0, 16)}.json`);
    this.#accepts = accepts;
  }

  async read(): Promise<readonly TunedMatmul[]> {
    try {
      const entries: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      return Array.isArray(entries) ? entries.filter((entry) => this.#isTuned(entry)) : [];
    } catch {
      return [];
    }
  }

  /** Replaces the file at once, so that a reader finds the old one or the new one. */
  async write(tuned: readonly TunedMatmul[]): Promise<void> {
    const draft = `${this.path}.${process.pid}`;
    try {
      await mkdir(dirname(this.path), { recursive: true });
      await writeFile(draft, `${JSON.stringify(tuned)}\n`);
      await rename(draft, this.path);
    } catch {
      // A cache that can't be kept is no reason to stop.
    }
  }

  #isTuned(entry: unknown): entry is TunedMatmul {
    if (typeof entry !== 'object' || entry === null) return false;
    const { M, K, N, choice } = Object.assign({ M: null, K: null, N: null, choice: null }, entry);
    return [M, K, N].every(Number.isInteger) && typeof choice === 'object' && choice !== null && this.#accepts(choice);
  }
}

/** Directory of files that may be deleted at any time: `$ROSEINFER_CACHE`, or the user's own cache directory. */
function cacheDirectory(): string {
  const { ROSEINFER_CACHE, XDG_CACHE_HOME } = process.env;
  return ROSEINFER_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'roseinfer');
}
