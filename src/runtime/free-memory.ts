// Memory that is free for a model: known where the adapter takes it from the host, since no GPU tells how much it has.
import type { Device } from '../gpu/device.ts';
import { MemoryError } from './memory-plan.ts';

/** Returns the bytes that the machine and, in a container, its limit leave a software adapter; undefined for a GPU. */
export function freeHostBytes({ traits }: Pick<Device, 'traits'>): number | undefined {
  return traits.isSoftware ? process.availableMemory() : undefined;
}

/** @throws MemoryError with both numbers for more bytes than are free, as far as that is known. */
export function checkFree(device: Pick<Device, 'traits'>, what: string, bytes: number): void {
  const free = freeHostBytes(device);
  if (free !== undefined && bytes > free) throw new MemoryError(what, bytes, free, "the machine's free");
}
