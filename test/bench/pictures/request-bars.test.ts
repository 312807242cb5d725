// Bars of requests: small enough for a page, and true to what they stand for.
import { describe, expect, test } from 'vitest';
import { requestBars } from '../../../bench/pictures/request-bars.ts';
import type { TimelineKind, TimelineSpan } from '../../../src/engine/observe/timeline.ts';

/** Makes spans that follow each other, of these lengths. */
function spansOf(...parts: readonly (readonly [kind: TimelineKind, length: number])[]): TimelineSpan[] {
  let end = 0;
  return parts.map(([kind, length]) => {
    const start = end;
    end += length;
    return { kind, start, end, step: null };
  });
}

const bars = (spans: readonly TimelineSpan[], least = 1) =>
  requestBars(spans, least).map(({ kind, start, end }) => `${kind} ${start}-${end}`);

describe('requestBars', () => {
  test('joins steps of a kind, and waits that are too short to be seen', () => {
    const spans = spansOf(
      ['queued', 10],
      ['prefill', 4],
      ['prefill', 4],
      ['decode', 2],
      ['waiting', 0.5],
      ['decode', 2],
    );
    expect(bars(spans)).toEqual(['waits 0-10', 'computes its prompt 10-18', 'generates 18-22.5']);
  });

  test('shows a wait that is long, and a preemption however short', () => {
    const spans = spansOf(['decode', 2], ['waiting', 3], ['decode', 2], ['preempted', 0.1], ['prefill', 1]);
    expect(bars(spans)).toEqual([
      'generates 0-2',
      'waits 2-5',
      'generates 5-7',
      'preempted 7-7.1',
      'computes its prompt 7.1-8.1',
    ]);
  });

  test('leaves out the end of a request after its last step, and shows one that never ran as waiting', () => {
    expect(bars(spansOf(['decode', 2], ['finishing', 5]))).toEqual(['generates 0-2']);
    expect(bars(spansOf(['queued', 5]))).toEqual(['waits 0-5']);
    expect(bars([])).toEqual([]);
  });
});
