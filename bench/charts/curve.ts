// The curve of a distribution: the share of samples that are at most a time, and the words that every chart of curves draws it with.
import { ascending, percentile } from '../../src/util/statistics.ts';

/** Point of a curve. */
export interface CurvePoint {
  readonly time: number;
  readonly share: number;
}

/** Mark of a curve. */
export const CURVE_MARK = { type: 'line', interpolate: 'step-after', strokeWidth: 2, aria: false } as const;

/** Axis of shares. */
export const SHARE_AXIS = {
  field: 'share',
  type: 'quantitative' as const,
  title: 'share of them',
  axis: { format: '.0%', tickCount: 4 },
  scale: { domain: [0, 1] },
};

/** Legend of lines. */
export const LINE_LEGEND = { symbolType: 'stroke', symbolStrokeWidth: 3 } as const;

/**
 * Makes the points of a distribution; none of no samples.
 *
 * @param maxPoints number of samples up to which each is a point.
 * @param shown share up to which a curve of more samples is drawn.
 */
export function curveOf(samples: readonly number[], maxPoints: number, shown = 1): CurvePoint[] {
  const sorted = ascending(samples);
  const [least] = sorted;
  if (least === undefined) return [];
  if (sorted.length > maxPoints) {
    return Array.from({ length: maxPoints + 1 }, (_, i) => {
      const share = (shown * i) / maxPoints;
      return { time: percentile(sorted, share), share };
    });
  }
  const points = Array.from(sorted, (time, i) => ({ time, share: (i + 1) / sorted.length }));
  return [{ time: least, share: 0 }, ...points];
}
