// Roofline of an adapter, and the share of it that a kernel reaches. A kernel is bound by what takes it longest: bytes of memory,
// loads by the lanes, or operations.
import type { Cost } from '../gpu/kernel-spec.ts';
import { type Figure, formatFigure, ratio } from '../util/figures.ts';
import { isRecord } from '../util/keys.ts';
import type { Check } from '../util/option-checks.ts';
import { largest, median, present, smallest } from '../util/statistics.ts';

/** Best of an adapter, as measured; null where the clock told no dispatch's time from 0. */
export interface Roofline {
  /** 1e9 bytes a second, read from memory. */
  readonly gigabytes: number | null;
  /** 1e9 words a second, loaded by all lanes from their nearest cache. */
  readonly gigawords: number | null;
  /** 1e9 floating-point operations a second, in multiply-adds of f32. */
  readonly gflops: number | null;
  /** Milliseconds of the smallest dispatch in a row of them. */
  readonly launch: number | null;
}

/** Takes the best of several measurements, each number by itself: other load on the machine can only slow a probe down. */
export function bestRoofline(...measured: readonly Roofline[]): Roofline {
  return { ...combine(measured, largest), launch: combine(measured, smallest).launch };
}

/** Takes the median of several measurements, each number by itself. */
export function medianRoofline(measured: readonly Roofline[]): Roofline {
  return combine(measured, median);
}

function combine(measured: readonly Roofline[], choose: (values: readonly number[]) => Figure): Roofline {
  return {
    gigabytes: choose(present(measured.map(({ gigabytes }) => gigabytes))),
    gigawords: choose(present(measured.map(({ gigawords }) => gigawords))),
    gflops: choose(present(measured.map(({ gflops }) => gflops))),
    launch: choose(present(measured.map(({ launch }) => launch))),
  };
}

/** A check of a roofline that a caller hands in. */
export const ROOFLINE: Check = { expected: 'what measureRoofline gives', accepts: isRoofline };

function isRoofline(value: unknown): boolean {
  const isFigure = (figure: unknown) => figure === null || (typeof figure === 'number' && figure > 0);
  const names: readonly (keyof Roofline)[] = ['gigabytes', 'gigawords', 'gflops', 'launch'];
  return isRecord(value) && names.every((name) => isFigure(Reflect.get(value, name)));
}

/** Computes the share of the roofline that work reached: the longest that its bytes, loads or operations take at best / its time. */
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

/** Formats a roofline as a line of text. */
export function formatRoofline({ gigabytes, gigawords, gflops, launch }: Roofline): string {
  const [read, loaded, done] = [gigabytes, gigawords, gflops].map((number) => formatFigure(number, 1));
  const launched = formatFigure(launch === null ? null : 1000 * launch, 1);
  return `this adapter at best: ${read} GB/s read, ${loaded} Gwords/s loaded, ${done} GFLOP/s in multiply-adds, ${launched} µs a dispatch`;
}
