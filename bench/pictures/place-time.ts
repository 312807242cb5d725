// How the places of a batch were used over a run: a step has places for a number of requests, and a place that stays empty
// although a request waits for one is work that the machine could have done in about the same time.
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { isDecode, promptLengths, stretchesOf } from './pictured-run.ts';

/** Places of a stretch by their use. */
export interface PlaceUse {
  /** Requests that got a token. */
  readonly decode: number;
  /** Requests whose prompt was computed. */
  readonly prefill: number;
  /** Empty places that a waiting request could have had. */
  readonly missed: number;
}

/** Use of places from `start` to `end`, in milliseconds from the start of the run. */
export interface PlaceStretch extends PlaceUse {
  readonly start: number;
  readonly end: number;
}

const NO_USE: PlaceUse = { decode: 0, prefill: 0, missed: 0 };

/** Lists how places were used over a run. @param numPlaces requests that a step has places for. */
export function placeStretches(run: OpenLoopRun, numPlaces: number): PlaceStretch[] {
  const lengths = promptLengths(run);
  let numWaiting = 0;
  return stretchesOf(run).map(({ start, end, step }) => {
    // Between steps those still wait that the step before it left waiting.
    if (step === null) return { ...NO_USE, missed: Math.min(numPlaces, numWaiting), start, end };
    const { rows } = step;
    numWaiting = step.numWaiting;
    const decode = rows.filter((row) => isDecode(row, lengths.get(row.requestId) ?? 0)).length;
    const missed = Math.min(Math.max(numPlaces - rows.length, 0), numWaiting);
    return { start, end, decode, prefill: rows.length - decode, missed };
  });
}

/** Shares of all places' time in a run, of 1; null for a run without time. */
export interface PlaceShares {
  /** Shares of places with a request. */
  readonly used: number;
  readonly missed: number;
}

/** Adds up how places were used. */
export function placeShares(run: OpenLoopRun, numPlaces: number): PlaceShares | null {
  const all = (run.end - run.start) * numPlaces;
  if (!(all > 0)) return null;
  let [used, missed] = [0, 0];
  for (const stretch of placeStretches(run, numPlaces)) {
    const time = stretch.end - stretch.start;
    used += time * (stretch.decode + stretch.prefill);
    missed += time * stretch.missed;
  }
  return { used: used / all, missed: missed / all };
}

/**
 * Averages the use of places over equal parts of time, so that a long run is no larger a picture than a short one.
 *
 * @param width milliseconds of a part.
 */
export function averageUse(stretches: readonly PlaceStretch[], width: number): PlaceStretch[] {
  const end = stretches.at(-1)?.end ?? 0;
  const parts: PlaceStretch[] = [];
  let next = 0;
  for (let start = 0; start < end; start += width) {
    const until = Math.min(start + width, end);
    const use = { ...NO_USE };
    while (next < stretches.length && stretches[next]!.end <= start) next++;
    for (let index = next; index < stretches.length && stretches[index]!.start < until; index++) {
      const stretch = stretches[index]!;
      const share = (Math.min(stretch.end, until) - Math.max(stretch.start, start)) / (until - start);
      addUse(use, stretch, share);
    }
    parts.push({ ...use, start, end: until });
  }
  return parts;
}

function addUse(use: { -readonly [Key in keyof PlaceUse]: number }, stretch: PlaceUse, share: number): void {
  use.decode += share * stretch.decode;
  use.prefill += share * stretch.prefill;
  use.missed += share * stretch.missed;
}
