// Limits of a kernel: of memory, loads, arithmetic and the launch itself, the one that would take longest at the adapter's best.
import type { Cost } from '../gpu/kernel-spec.ts';
import { type Figure, ratio } from '../util/figures.ts';
import type { Roofline } from './roofline.ts';

/** Parts of a kernel's least time: bytes of memory, words that lanes load, operations, or the dispatch itself. */
export type LimiterKind = 'bandwidth' | 'loads' | 'arithmetic' | 'launch';

/** Limit of work, and its distance from it. */
export interface Limiter {
  readonly kind: LimiterKind;
  /** The largest of `shares`: far below 1, none of the four explains the time. More than 1 where operands stay in a cache. */
  readonly share: number;
  /** Time at the adapter's best / measured time, of each; null where there is no figure. */
  readonly shares: Readonly<Record<LimiterKind, number | null>>;
}

/**
 * Finds what limits work.
 *
 * @param milliseconds measured time of a run; null or 0 where the clock saw none.
 * @param numDispatches of a run.
 * @returns null where there is neither a cost nor a time.
 */
export function limiterOf(
  cost: Cost | null,
  milliseconds: Figure,
  { gigabytes, gigawords, gflops, launch }: Roofline,
  numDispatches: number = 1,
): Limiter | null {
  const share = (amount: number | undefined, speed: Figure): Figure =>
    amount === 0 || amount === undefined ? 0 : ratio(ratio(1e-6 * amount, speed), milliseconds);
  if (milliseconds === null || milliseconds === 0 || cost === null) return null;
  const shares = {
    bandwidth: share(cost.bytes, gigabytes),
    loads: share(cost.loads, gigawords),
    arithmetic: share(cost.flops, gflops),
    launch: launch === null ? null : ratio(numDispatches * launch, milliseconds),
  };
  const kinds = ['bandwidth', 'loads', 'arithmetic', 'launch'] as const;
  const kind = kinds.reduce((a, b) => ((shares[b] ?? 0) > (shares[a] ?? 0) ? b : a));
  return { kind, share: shares[kind] ?? 0, shares };
}
