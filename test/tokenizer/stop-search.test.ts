// The search for stop strings, piece by piece, against a search of the whole text.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StopSearch } from '../../src/tokenizer/stop-search.ts';

/** Result of a search over pieces of bytes, each with whether a stop string may end in it. */
function search(stops: readonly string[], pieces: readonly string[], heeds = (_piece: number) => true) {
  const searching = new StopSearch(stops);
  const texts: string[] = [];
  for (const [index, piece] of pieces.entries()) {
    if (searching.found !== null) break;
    texts.push(Buffer.from(searching.push(Buffer.from(piece), heeds(index))).toString());
  }
  return { texts, rest: Buffer.from(searching.finish()).toString(), found: searching.found };
}

/** The first stop string that is complete, the longest of several, by looking at the whole text; and where it starts. */
function firstStop(stops: readonly string[], text: string, from = 0): { found: string; start: number } | null {
  for (let end = from + 1; end <= text.length; end++) {
    const complete = stops.filter((stop) => text.slice(0, end).endsWith(stop)).sort((a, b) => b.length - a.length);
    const [found] = complete;
    if (found !== undefined) return { found, start: end - found.length };
  }
  return null;
}

describe('a search for stop strings', () => {
  test('holds back bytes that may begin one and releases them when they do not', () => {
    expect(search(['END'], ['a', 'E', 'N', 'x', 'EN'])).toEqual({
      texts: ['a', '', '', 'ENx', ''],
      rest: 'EN',
      found: null,
    });
  });

  test('leaves out the stop string and everything after it', () => {
    expect(search(['END'], ['one E', 'ND two'])).toEqual({ texts: ['one ', ''], rest: '', found: 'END' });
    expect(search(['END'], ['oneENDtwo', 'three'])).toEqual({ texts: ['one'], rest: '', found: 'END' });
  });

  test('finds one whose beginning repeats', () => {
    expect(search(['aab'], ['a', 'a', 'a', 'b'])).toEqual({ texts: ['', '', 'a', ''], rest: '', found: 'aab' });
    expect(search(['abab c'], ['ababab c'])).toEqual({ texts: ['ab'], rest: '', found: 'abab c' });
  });

  test('takes the one that is complete first, and of two complete at once the longer', () => {
    expect(search(['abcd', 'bc'], ['abcd']).found).toBe('bc');
    expect(search(['bc', 'abc'], ['xabc'])).toEqual({ texts: ['x'], rest: '', found: 'abc' });
  });

  test('passes over one that may not end yet, and finds the next, which may overlap it', () => {
    expect(search(['xx'], ['xx', 'a', 'xx'], (piece) => piece > 0)).toEqual({
      texts: ['x', 'xa', ''],
      rest: '',
      found: 'xx',
    });
    expect(search(['xx'], ['xx', 'x'], (piece) => piece > 0)).toEqual({ texts: ['x', ''], rest: '', found: 'xx' });
  });

  test('without stop strings holds nothing back', () => {
    expect(search([], ['a', '', 'b'])).toEqual({ texts: ['a', '', 'b'], rest: '', found: null });
  });

  test('agrees with a look at the whole text, however it is cut, and holds back no more than it must', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 5 });
    const stops = fc.array(letters, { minLength: 1, maxLength: 4 });
    const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 4 }), { maxLength: 10 });
    let numFound = 0;
    fc.assert(
      fc.property(stops, pieces, fc.nat(3), (stops, pieces, numPassed) => {
        const passed = pieces.slice(0, numPassed).join('');
        const text = pieces.join('');
        const first = firstStop(stops, text, passed.length);
        const { texts, rest, found } = search(stops, pieces, (piece) => piece >= numPassed);
        expect(found).toBe(first?.found ?? null);
        expect(texts.join('') + rest).toBe(first === null ? text : text.slice(0, first.start));
        for (const [index] of texts.entries()) {
          if (found !== null && index === texts.length - 1) break;
          const soFar = pieces.slice(0, index + 1).join('');
          const held = soFar.length - texts.slice(0, index + 1).join('').length;
          const tails = Array.from({ length: held }, (_, n) => soFar.slice(soFar.length - held + n));
          expect(tails.length === 0 || stops.some((stop) => stop.startsWith(tails[0]!))).toBe(true);
        }
        if (found !== null) numFound++;
      }),
      { seed: 5, numRuns: 3000 },
    );
    expect(numFound).toBeGreaterThan(500);
  });
});
