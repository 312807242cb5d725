// Stand-ins for what a message spells of special tokens, so that it stays text in a rendered chat, where the template's own
// special tokens count. Each character has one of its own, so that templates may trim, cut and join messages as they do.

/** Exchange of characters for others that no text of a chat has. */
export interface StandIns {
  /** Puts stand-ins in the place of all that a text spells of special tokens. */
  hide(text: string): string;
  /** Puts the characters back. */
  reveal(text: string): string;
}

/** Characters for private use, from which stand-ins are taken. */
const [FIRST, LAST] = [0xe000, 0xf8ff];

/**
 * Finds stand-ins for the characters of special tokens; undefined where the texts leave too few characters.
 *
 * @param texts all texts of a chat, in which no stand-in may occur.
 */
export function findStandIns(specials: readonly string[], texts: readonly string[]): StandIns | undefined {
  const taken = new Set(texts.flatMap((text) => text.match(/[\ue000-\uf8ff]/g) ?? []));
  const characters = [...new Set(specials.join(''))];
  const free: string[] = [];
  for (let code = FIRST; code <= LAST && free.length < characters.length; code++) {
    const standIn = String.fromCharCode(code);
    if (!taken.has(standIn)) free.push(standIn);
  }
  if (free.length < characters.length) return undefined;
  const standInOf = new Map(characters.map((character, index) => [character, free[index] ?? character]));
  const characterOf = new Map(standInOf.entries().map(([character, standIn]) => [standIn, character]));
  const exchange = (text: string, by: ReadonlyMap<string, string>): string =>
    Array.from(text, (character) => by.get(character) ?? character).join('');
  return {
    hide: (text) => {
      let hidden = '';
      let end = 0;
      for (const [from, to] of spellings(text, specials)) {
        hidden += text.slice(end, Math.max(from, end)) + exchange(text.slice(Math.max(from, end), to), standInOf);
        end = Math.max(to, end);
      }
      return hidden + text.slice(end);
    },
    reveal: (text) => exchange(text, characterOf),
  };
}

/** Ranges in which a text spells special tokens, and a part of one at either end that a template could complete; in order. */
function spellings(text: string, specials: readonly string[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const special of specials) {
    for (let at = text.indexOf(special); at !== -1; at = text.indexOf(special, at + 1)) {
      ranges.push([at, at + special.length]);
    }
    for (let length = 1; length < special.length; length++) {
      if (text.endsWith(special.slice(0, length))) ranges.push([text.length - length, text.length]);
      const rest = special.slice(length);
      if (text.startsWith(rest)) ranges.push([0, rest.length]);
    }
  }
  return ranges.sort(([a], [b]) => a - b);
}
