// Comparisons of variants on disk, so that a start repeats none that an earlier one has made on the same adapter.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Device } from '../gpu/device.ts';
import { writeAtomically } from '../util/atomic-write.ts';
import { cacheDirectory } from '../util/environment.ts';
import { isJsonObject } from '../util/json.ts';

/**
 * File of the comparisons on a device: one for each adapter, driver, version of Dawn and reduction class. What was compared,
 * texts of shaders included, is the key of each.
 *
 * It is a cache, as `TuningFile` is.
 */
export class VerifiedFile {
  /** Null where there is no directory for a cache. */
  readonly #path: string | null;
  readonly #known: Map<string, boolean>;
  #changed = false;

  private constructor(path: string | null, known: ReadonlyMap<string, boolean>) {
    this.#path = path;
    this.#known = new Map(known);
  }

  /** Reads the file of a device; one that can't be read counts as empty. */
  static async open({ identity }: Device): Promise<VerifiedFile> {
    const { name, backend, driver, webgpu, reduction } = identity;
    const directory = cacheDirectory();
    const path = directory && join(directory, `verified-${digest([name, backend, driver, webgpu, reduction])}.json`);
    return new VerifiedFile(path, path === null ? new Map() : await readFlags(path));
  }

  /** Returns true for equal bits, false for others, undefined for what was not compared. */
  get(compared: readonly unknown[]): boolean | undefined {
    return this.#known.get(digest(compared));
  }

  set(compared: readonly unknown[], isEqual: boolean): void {
    this.#known.set(digest(compared), isEqual);
    this.#changed = true;
  }

  /** Writes what was added, atomically. */
  async save(): Promise<void> {
    if (this.#path === null || !this.#changed) return;
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      await writeAtomically(this.#path, `${JSON.stringify(Object.fromEntries(this.#known))}\n`);
    } catch {
      // Without the cache the next start compares again.
    }
  }
}

async function readFlags(path: string): Promise<ReadonlyMap<string, boolean>> {
  try {
    const flags: unknown = JSON.parse(await readFile(path, 'utf8'));
    const entries = isJsonObject(flags) ? Object.entries(flags) : [];
    return new Map(entries.filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'));
  } catch {
    return new Map();
  }
}

/** Number of hexadecimal digits of a key. */
const DIGITS = 32;

function digest(values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, DIGITS);
}
