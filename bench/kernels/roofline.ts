import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { type Figure, formatFigure, ratio } from '../common/figures.ts';
import { largest, median, present } from '../common/statistics.ts';

/** What an adapter does at best, as measured; null where no dispatch took a time that the clock can tell from 0. */
export interface Roofline {
  /** 1e9 bytes a second, read from memory. */
  readonly gigabytes: Figure;
  /** 1e9 words a second, loaded by all lanes from their nearest cache. */
  readonly gigawords: Figure;
  /** 1e9 floating-point operations a second, in multiply-adds of f32. */
  readonly gflops: Figure;
}

/** The better of two measurements, each number by itself: what else runs on the machine can only slow a probe down. */
export function bestRoofline(a: Roofline, b: Roofline): Roofline {
  return combine([a, b], largest);
}

/** The middle of several measurements, each number by itself. */
export function medianRoofline(measured: readonly Roofline[]): Roofline {
  return combine(measured, median);
}

function combine(measured: readonly Roofline[], choose: (values: readonly number[]) => Figure): Roofline {
  return {
    gigabytes: choose(present(measured.map(({ gigabytes }) => gigabytes))),
    gigawords: choose(present(measured.map(({ gigawords }) => gigawords))),
    gflops: choose(present(measured.map(({ gflops }) => gflops))),
  };
}

/** The share of the roofline that work of this cost reached: the longest that its bytes, loads or operations take at best / its time. */
export function shareOfRoofline({ bytes, loads = 0, flops }: Cost, milliseconds: Figure, roofline: Roofline): Figure {
  const { gigabytes, gigawords, gflops } = roofline;
  const work = [
    { amount: bytes, speed: gigabytes },
    { amount: loads, speed: gigawords },
    { amount: flops, speed: gflops },
  ];
  const times = work.map(({ amount, speed }) => (amount === 0 ? 0 : ratio(1e-6 * amount, speed)));
  return times.includes(null) ? null : ratio(largest(present(times)), milliseconds);
}

/** A line of text. */
export function formatRoofline({ gigabytes, gigawords, gflops }: Roofline): string {
  const [read, loaded, done] = [gigabytes, gigawords, gflops].map((number) => formatFigure(number, 1));
  return `this adapter at best: ${read} GB/s read, ${loaded} Gwords/s loaded, ${done} GFLOP/s in multiply-adds`;
}
