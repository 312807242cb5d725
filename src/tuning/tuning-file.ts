// Measured choices on disk, so that the next start need not measure them again.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canRun } from '../gpu/can-run.ts';
import type { Device } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { overlay } from '../gpu/overlay.ts';
import { labelOf } from '../gpu/variant-label.ts';
import { writeAtomically } from '../util/atomic-write.ts';
import { cacheDirectory } from '../util/environment.ts';
import { isMatterOfSpeed } from './matter-of-speed.ts';
import type { Tunable } from './tunables.ts';
import type { TunedChoice } from './tuning.ts';

/**
 * File of the choices for a kernel: one for each adapter, driver, version of Dawn, reduction class, and text of the
 * kernel with what is fixed in it. Another text is measured again.
 *
 * It is a cache. A file that can't be read counts as missing, and choices that can't be written are measured again next time.
 */
export class TuningFile {
  /** Null where there is no directory for a cache. */
  readonly path: string | null;
  readonly #device: Device;
  readonly #tunable: Tunable;

  private constructor(path: string | null, device: Device, tunable: Tunable) {
    this.path = path;
    this.#device = device;
    this.#tunable = tunable;
  }

  /** Names the file; it need not exist. @throws KernelError where the kernel does not link. */
  static async of(device: Device, tunable: Tunable): Promise<TuningFile> {
    const { kernel, fixed } = tunable;
    const { name, backend, driver, webgpu, reduction } = device.identity;
    const text = [labelOf(kernel.name, kernel.variant(device.traits, fixed)), await kernel.wgsl(device, fixed)];
    const hash = createHash('sha256').update(JSON.stringify([name, backend, driver, webgpu, reduction, ...text]));
    const directory = cacheDirectory();
    const path = directory && join(directory, `${kernel.name}-${hash.digest('hex').slice(0, 16)}.json`);
    return new TuningFile(path, device, tunable);
  }

  /** Reads the choices that can run and may be chosen, those for sizes of other models included. */
  async read(): Promise<readonly TunedChoice[]> {
    if (this.path === null) return [];
    try {
      const entries: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      return Array.isArray(entries) ? entries.filter((entry) => this.#isTuned(entry)) : [];
    } catch {
      return [];
    }
  }

  /** Replaces the file atomically: a reader finds the old one or the new one. */
  async write(tuned: readonly TunedChoice[]): Promise<void> {
    if (this.path === null) return;
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      await writeAtomically(this.path, `${JSON.stringify(tuned)}\n`);
    } catch {
      // Without the cache the next start measures again.
    }
  }

  #isTuned(entry: unknown): entry is TunedChoice {
    if (!isObject(entry)) return false;
    const { kernel, sizes, choice } = Object.assign({ kernel: null, sizes: null, choice: null }, entry);
    const hasSizes = isObject(sizes) && Object.values(sizes).every(Number.isInteger);
    if (kernel !== this.#tunable.kernel.name || !hasSizes || !isObject(choice)) return false;
    if (!setsSpeedOnly(choice, this.#tunable.kernel)) return false;
    return canRun(this.#tunable.kernel, this.#device.traits, overlay(choice, this.#tunable.fixed));
  }
}

/** Returns true for a choice that sets matters of speed only: the rest may change what a variant computes. */
function setsSpeedOnly({ conditions, constants, overrides }: VariantChoice, kernel: Kernel): boolean {
  return Object.keys({ ...conditions, ...constants, ...overrides }).every((name) => isMatterOfSpeed(kernel, name));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
