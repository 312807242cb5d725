// Numbers in the sentences and tables of a page.
import { type Figure, formatFigure, formatPercent } from '../../src/util/figures.ts';

/** Formats milliseconds, as seconds from ten thousand of them on. */
export function formatMs(ms: Figure): string {
  return ms !== null && ms >= 10_000
    ? formatFigure(ms / 1000, 1, ' s')
    : formatFigure(ms, ms !== null && ms < 100 ? 1 : 0, ' ms');
}

/** Least share that is a whole percent when it is rounded. */
const LEAST_SHARE = 0.005;

/** Formats a share of 1 in whole percent. */
export function formatShare(share: Figure): string {
  return share !== null && share > 0 && share < LEAST_SHARE ? 'under 1 %' : formatPercent(share, 0);
}

/** Counts requests in words. */
export function countRequests(number: number): string {
  return number === 1 ? 'one request' : `${number} requests`;
}

/** Joins words as a sentence does. */
export function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
