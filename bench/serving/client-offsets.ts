// How far the server's own times of a request are from those of its client: the way of the call, its parsing, and the way back.
import type { Figure } from '../../src/util/figures.ts';
import { present } from '../../src/util/statistics.ts';
import { gapsOf, type Spread, spread } from '../common/statistics.ts';
import type { Completion, ServerSpan } from './read-completion.ts';

/** Times of the client minus those of the server, in milliseconds; null without a timeline. */
export interface ClientOffsets {
  /** Of each request: the client's time from sending to the first token, minus the server's from arrival. */
  readonly ttft: Spread | null;
  /** Of each request: the client's mean gap between tokens minus the server's. */
  readonly itl: Spread | null;
}

/** Compares completions with the timelines that came with them. */
export function clientOffsets(completions: readonly Completion[]): ClientOffsets {
  const offsets = completions.map(offsetsOf);
  return {
    ttft: spread(present(offsets.map(({ ttft }) => ttft))),
    itl: spread(present(offsets.map(({ itl }) => itl))),
  };
}

function offsetsOf({ sent, tokenTimes, timeline }: Completion): { readonly ttft: Figure; readonly itl: Figure } {
  const times = serverTimes(timeline ?? []);
  const [first] = tokenTimes;
  // Ids without a text of their own come with a later one: the last of both is the same, the numbers may differ.
  const [ofClient, ofServer] = [meanGap(tokenTimes, times.length), meanGap(times, times.length)];
  return {
    ttft: first === undefined || times[0] === undefined ? null : first - sent - times[0],
    itl: ofClient === null || ofServer === null ? null : ofClient - ofServer,
  };
}

/** When ids reached the host of the server: the end of the prefill, and that of each decode step. None for one that was preempted. */
function serverTimes(timeline: readonly ServerSpan[]): readonly number[] {
  const steps = timeline.filter(({ kind }) => kind === 'prefill' || kind === 'decode');
  const firstDecode = steps.findIndex(({ kind }) => kind === 'decode');
  const ofPrefill = firstDecode < 0 ? steps.length : firstDecode;
  const isPreempted = timeline.some(({ kind }) => kind === 'preempted');
  return isPreempted || ofPrefill === 0 ? [] : steps.slice(ofPrefill - 1).map(({ end }) => end);
}

function meanGap(times: readonly number[], numTokens: number): Figure {
  const gaps = gapsOf(times);
  return gaps.length === 0 || numTokens < 2 ? null : (times.at(-1)! - times[0]!) / (numTokens - 1);
}
