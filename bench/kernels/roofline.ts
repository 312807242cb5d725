import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { median } from '../statistics.ts';

/** What an adapter does at best, as measured. */
export interface Roofline {
  /** 1e9 bytes a second, read from memory. */
  readonly gigabytes: number;
  /** 1e9 words a second, loaded by all lanes from their nearest cache. */
  readonly gigawords: number;
  /** 1e9 floating-point operations a second, in multiply-adds of f32. */
  readonly gflops: number;
}

/** The better of two measurements, each number by itself: what else runs on the machine can only slow a probe down. */
export function bestRoofline(a: Roofline, b: Roofline): Roofline {
  return {
    gigabytes: Math.max(a.gigabytes, b.gigabytes),
    gigawords: Math.max(a.gigawords, b.gigawords),
    gflops: Math.max(a.gflops, b.gflops),
  };
}

/** The middle of several measurements, each number by itself. */
export function medianRoofline(measured: readonly Roofline[]): Roofline {
  return {
    gigabytes: median(measured.map(({ gigabytes }) => gigabytes)),
    gigawords: median(measured.map(({ gigawords }) => gigawords)),
    gflops: median(measured.map(({ gflops }) => gflops)),
  };
}

/** The share of the roofline that work of this cost reached: the longest that its bytes, loads or operations take at best / its time. */
export function shareOfRoofline({ bytes, loads = 0, flops }: Cost, milliseconds: number, roofline: Roofline): number {
  const { gigabytes, gigawords, gflops } = roofline;
  return (1e-6 * Math.max(bytes / gigabytes, loads / gigawords, flops / gflops)) / milliseconds;
}

/** A line of text. */
export function formatRoofline({ gigabytes, gigawords, gflops }: Roofline): string {
  const [read, loaded, done] = [gigabytes, gigawords, gflops].map((number) => number.toFixed(1));
  return `this adapter at best: ${read} GB/s read, ${loaded} Gwords/s loaded, ${done} GFLOP/s in multiply-adds`;
}
