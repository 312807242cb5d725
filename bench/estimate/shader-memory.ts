// Use of memory by compiled shaders: the part of a dispatch's waits that machine code tells, whatever its sizes.

/** Loads from memory by some instructions, taken in the order of their text. */
export interface MemoryUse {
  /** Times that a load is waited for after others were issued: those that no other work of the wave hides. */
  readonly waits: number;
  /** The most loads that are under way at once. */
  readonly inFlight: number;
  /** Words of 32 bits that a lane loads; a load of less counts as one. */
  readonly words: number;
}

/** Use of memory by a shader. */
export interface ShaderMemory {
  /** Use by the instructions that are in no loop. */
  readonly outside: MemoryUse;
  /** Use by each loop that waits, without the loops inside it, in the order of their first blocks. */
  readonly loops: readonly MemoryUse[];
}

/**
 * Returns the bytes that a lane has under way, in the mean of its waits, where it loads the most words; null where it loads
 * nothing.
 */
export function bytesUnderWay({ outside, loops }: ShaderMemory): number | null {
  const { waits, words } = [outside, ...loops].reduce((most, use) => (use.words > most.words ? use : most));
  return waits === 0 ? null : (Uint32Array.BYTES_PER_ELEMENT * words) / waits;
}
