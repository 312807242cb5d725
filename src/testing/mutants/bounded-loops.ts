// Loops that end: a fault in a loop's condition would keep a GPU busy for ever, and the caller with it. Functions of WGSL don't
// call themselves, so a shader whose loops end does.
import { WgslText } from './wgsl-text.ts';

/** Turns of one loop in one call of its function. */
const MOST_TURNS = 2 ** 20;

/**
 * Lets each loop of a shader end after 2^20 turns in a call of its function. The counters are variables of the function, which
 * leaves control flow as uniform as it was: barriers stay where they are allowed.
 */
export function boundLoops(source: string): string {
  const wgsl = new WgslText(source);
  const inserted: { readonly at: number; readonly text: string }[] = [];
  for (const body of bodies(wgsl)) {
    const loops = wgsl.loops.filter(({ brace }) => body.start < brace && brace < body.end);
    const counters = loops.map((_, i) => `roseinfer_turns_${i}`);
    inserted.push({ at: endOf(wgsl, body.start), text: counters.map((name) => ` var ${name} = 0u;`).join('') });
    for (const [i, { brace }] of loops.entries()) {
      const text = ` if (${counters[i]} >= ${MOST_TURNS}u) { break; } ${counters[i]}++;`;
      inserted.push({ at: endOf(wgsl, brace), text });
    }
  }
  return insertAll(source, inserted);
}

/** Braces of the bodies of functions, as indices of tokens. */
function bodies(wgsl: WgslText): { readonly start: number; readonly end: number }[] {
  return wgsl.tokens.flatMap(({ text }, keyword) => {
    if (text !== 'fn') return [];
    const start = wgsl.braceAfter(keyword);
    return [{ start, end: wgsl.closing(start) }];
  });
}

function endOf(wgsl: WgslText, index: number): number {
  return wgsl.tokens[index]?.end ?? wgsl.source.length;
}

function insertAll(source: string, inserted: readonly { readonly at: number; readonly text: string }[]): string {
  let bounded = '';
  let from = 0;
  for (const { at, text } of inserted.toSorted((a, b) => a.at - b.at)) {
    bounded += source.slice(from, at) + text;
    from = at;
  }
  return bounded + source.slice(from);
}
