// Sets of characters as sorted ranges of code points. Halves of surrogate pairs are in no set: UTF-8 cannot write them.

/** Ranges of code points, ends included, ascending and apart. */
export type CharacterSet = readonly (readonly [first: number, last: number])[];

const LAST = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/** All characters. */
export const ALL_CHARACTERS: CharacterSet = [
  [0, FIRST_SURROGATE - 1],
  [LAST_SURROGATE + 1, LAST],
];

/** Makes the set of some ranges, which may come in any order and overlap. */
export function characterSet(...ranges: CharacterSet): CharacterSet {
  return intersectSets(joined(ranges), ALL_CHARACTERS);
}

/** Makes the set of the characters of a text. */
export function charactersOf(text: string): CharacterSet {
  return characterSet(...Array.from(text, (character) => [codeOf(character), codeOf(character)] as const));
}

/** Makes the set of the characters that are in any of some sets. */
export function uniteSets(...sets: readonly CharacterSet[]): CharacterSet {
  return joined(sets.flat());
}

/** Makes the set of the characters that are in both sets. */
export function intersectSets(a: CharacterSet, b: CharacterSet): CharacterSet {
  const common = a.flatMap(([first, last]) =>
    b.map(([otherFirst, otherLast]) => [Math.max(first, otherFirst), Math.min(last, otherLast)] as const),
  );
  return joined(common.filter(([first, last]) => first <= last));
}

/** Makes the set of the characters of `a` that are not in `b`. */
export function subtractSet(a: CharacterSet, b: CharacterSet): CharacterSet {
  const outside: (readonly [number, number])[] = [];
  let next = 0;
  for (const [first, last] of b) {
    if (first > next) outside.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST) outside.push([next, LAST]);
  return intersectSets(a, outside);
}

/** Counts the characters of a set. */
export function sizeOfSet(set: CharacterSet): number {
  return set.reduce((size, [first, last]) => size + last - first + 1, 0);
}

/** Lists the characters of a small set. */
export function listCharacters(set: CharacterSet): string[] {
  return set.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index)),
  );
}

function joined(ranges: CharacterSet): CharacterSet {
  const sets: [number, number][] = [];
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const previous = sets.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else sets.push([first, last]);
  }
  return sets;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
