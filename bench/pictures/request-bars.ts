// Bars of the states that each request was in: the spans of its timeline, joined where they are the same or too short to be seen.
import type { TimelineKind, TimelineSpan } from '../../src/engine/observe/timeline.ts';

/** State of a request that a bar shows. */
export type BarKind = 'waits' | 'computes its prompt' | 'generates' | 'preempted';

const BAR_KINDS: Readonly<Record<TimelineKind, BarKind | null>> = {
  queued: 'waits',
  preempted: 'preempted',
  waiting: 'waits',
  prefill: 'computes its prompt',
  decode: 'generates',
  finishing: null,
};

/** Bar from `start` to `end`, in the unit of the timeline. */
export interface RequestBar {
  readonly kind: BarKind;
  readonly start: number;
  readonly end: number;
}

/**
 * Makes the bars of a request. A wait between steps that is shorter than `least` belongs to what went on before it, and the end of a
 * request after its last step to nothing.
 */
export function requestBars(timeline: readonly TimelineSpan[], least: number): RequestBar[] {
  const bars: RequestBar[] = [];
  for (const { kind, start, end } of timeline) {
    const last = bars.at(-1);
    const own = BAR_KINDS[kind];
    if (own === null) continue;
    const shown = kind === 'waiting' && end - start < least && last !== undefined ? last.kind : own;
    if (last?.kind === shown) bars[bars.length - 1] = { ...last, end };
    else if (end > start) bars.push({ kind: shown, start, end });
  }
  return bars;
}
