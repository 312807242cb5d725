// Buffers of a check: each tensor lies inside a larger buffer, as a view does, between guard words; outputs start as garbage that no
// right kernel writes.
import type { DType } from '../gpu/tensor-data.ts';
import type { HostOperand } from './host-operands.ts';
import { lengthOf, wordsOf } from './host-operands.ts';
import type { JobBuffer } from './job.ts';

/** Guard words on either side: before the tensor the alignment of bound ranges, which WebGPU sets to at most 256 bytes. */
const GUARD_WORDS = 64;

/** Garbage of an output by element type: NaN with a payload, two of them in a word of f16. */
const GARBAGE: Readonly<Record<DType, number>> = {
  f32: 0x7fca5a5a,
  f16: 0x7e5a7e5a,
  i32: 0xa5a5a5a5,
  u32: 0xa5a5a5a5,
};

/** A guard word that was overwritten. */
export interface BrokenGuard {
  /** Words before the start, negative, or from the end on. */
  readonly word: number;
  readonly side: 'before' | 'after';
}

/** Word that guards a tensor: NaN as f32 and an index beyond any array; each name has another. */
function guardOf(name: string): number {
  return [...name].reduce((hash, letter) => (31 * hash + letter.charCodeAt(0)) % 0x3fffff, 0) + 0x7fc00000;
}

/**
 * Lays an operand into a buffer of its own.
 *
 * @param exact binds the tensor alone, for a shader that asks for its length; else the guard words behind it are bound, too, so that
 * an adapter does not clamp what is written there.
 */
export function placed(operand: HostOperand, exact: boolean): JobBuffer {
  if (operand.live !== null) return { live: operand.live.range };
  const contents = contentsOf(operand);
  const words = new Uint32Array(contents.length + 2 * GUARD_WORDS).fill(guardOf(operand.name));
  words.set(contents, GUARD_WORDS);
  const bound = exact ? Math.max(contents.length, 1) : contents.length + GUARD_WORDS;
  return { words, offset: 4 * GUARD_WORDS, size: 4 * bound, written: operand.written };
}

function contentsOf({ data, dtype, ...operand }: HostOperand): Uint32Array {
  if (data !== null) return wordsOf(data);
  const length = lengthOf({ data, dtype, ...operand });
  return new Uint32Array(dtype === 'f16' ? Math.ceil(length / 2) : length).fill(GARBAGE[dtype]);
}

/** Words of an output as they came back, without its guards. */
export function outputWords(words: Uint32Array): Uint32Array {
  return words.slice(GUARD_WORDS, words.length - GUARD_WORDS);
}

/** The first guard word of an output that was overwritten; null where all are there. */
export function brokenGuard(name: string, words: Uint32Array): BrokenGuard | null {
  const guard = guardOf(name);
  const end = words.length - GUARD_WORDS;
  const after = words.subarray(end).findIndex((word) => word !== guard);
  if (after >= 0) return { word: after, side: 'after' };
  const before = words.subarray(0, GUARD_WORDS).findIndex((word) => word !== guard);
  return before < 0 ? null : { word: before - GUARD_WORDS, side: 'before' };
}

/** Tells whether an element of an output is still the garbage that it started as. */
export function isGarbage(words: Uint32Array, index: number, dtype: DType): boolean {
  if (dtype !== 'f16') return words[index] === GARBAGE[dtype];
  const half = ((words[index >> 1] ?? 0) >>> (16 * (index & 1))) & 0xffff;
  return half === (GARBAGE.f16 & 0xffff);
}

/** Names of the bindings of which a shader asks the length; null where it asks for one by a pointer, which may be any. */
export function lengthsAsked(wgsl: string): ReadonlySet<string> | null {
  const asked = [...wgsl.matchAll(/\barrayLength\s*\(\s*(&?)\s*(\w*)/g)];
  if (asked.some(([, reference]) => reference === '')) return null;
  return new Set(asked.map(([, , name = '']) => name));
}
