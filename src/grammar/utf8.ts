// Characters beyond ASCII as ranges of UTF-8's bytes: xgrammar reads classes byte by byte.
import { ALL_CHARACTERS, type CharacterSet, intersectSets, subtractSet } from './character-set.ts';

/** Bytes of one place in a character, ends included. */
export type ByteRange = readonly [first: number, last: number];

/** The characters of each length in bytes, and what the first byte adds to them. */
const LENGTHS: readonly (readonly [first: number, last: number, marker: number])[] = [
  [0x80, 0x7ff, 0xc0],
  [0x800, 0xffff, 0xe0],
  [0x10000, 0x10ffff, 0xf0],
];
const BITS = 6;

/** All characters beyond ASCII. */
export const BEYOND_ASCII: CharacterSet = subtractSet(ALL_CHARACTERS, [[0, 0x7f]]);

/** Lists the sequences of byte ranges that are the characters of a set beyond ASCII. */
export function byteSequences(set: CharacterSet): ByteRange[][] {
  return LENGTHS.flatMap(([first, last, marker], index) =>
    intersectSets(set, [[first, last]]).flatMap(([from, to]) => split(from, to, index + 1, marker)),
  );
}

/**
 * Splits a range so that in each part the bytes of a character are independent of one another.
 *
 * @param numAfter Bytes after the first.
 */
function split(from: number, to: number, numAfter: number, marker: number): ByteRange[][] {
  if (numAfter === 0) return [[[marker + from, marker + to]]];
  const unit = 1 << (BITS * numAfter);
  const [firstFrom, firstTo] = [Math.floor(from / unit), Math.floor(to / unit)];
  const tails = (low: number, high: number) => split(low, high, numAfter - 1, 0x80);
  const prefixed = (first: number, last: number, rests: ByteRange[][]) =>
    rests.map((rest): ByteRange[] => [[marker + first, marker + last], ...rest]);
  const [low, high] = [from % unit, to % unit];
  if (firstFrom === firstTo) return prefixed(firstFrom, firstFrom, tails(low, high));
  const parts: ByteRange[][] = [];
  const [start, end] = [low === 0 ? firstFrom : firstFrom + 1, high === unit - 1 ? firstTo : firstTo - 1];
  if (start > firstFrom) parts.push(...prefixed(firstFrom, firstFrom, tails(low, unit - 1)));
  if (start <= end) parts.push(...prefixed(start, end, tails(0, unit - 1)));
  if (end < firstTo) parts.push(...prefixed(firstTo, firstTo, tails(0, high)));
  return parts;
}
