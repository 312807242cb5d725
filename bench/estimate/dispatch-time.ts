// Estimated time of a dispatch: the longest of its bytes, its arithmetic and its waits. Bytes come as fast as the lanes ask
// for them: by Little's law, bytes under way / latency.
import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { type Gpu, type Level, latencyOf } from './gpus.ts';

/** Nanoseconds from the end of a dispatch to the start of the next, which needs its result: assumed, for no GPU's is published. */
export const LAUNCH_GAP = 2000;

/** Work of a dispatch. */
export interface DispatchWork {
  readonly cost: Cost;
  /** Lanes of all workgroups. */
  readonly lanes: number;
  /** Waits for memory that come one after another in a wave; null where they are not known. */
  readonly waits: number | null;
  /** Bytes that a lane has under way; null where that is not known, and the memory's bandwidth is the bound. */
  readonly bytesUnderWay: number | null;
}

/** Parts of a dispatch that can bound its time. */
export type Bound = 'bytes' | 'arithmetic' | 'waits';

/** Estimated time of a dispatch, in nanoseconds. */
export interface DispatchTime {
  /** The gap to the next dispatch included. */
  readonly total: number;
  /** The part that takes longest. */
  readonly bound: Bound;
  /** Time of each part by itself, 0 for unknown waits. */
  readonly parts: Readonly<Record<Bound, number>>;
}

/**
 * Estimates the time of a dispatch.
 *
 * @param level where every load finds its data, which decides its latency; the bytes come from memory all the same.
 */
export function estimateDispatch(gpu: Gpu, work: DispatchWork, level: Level = 'memory'): DispatchTime {
  const { cost, lanes, waits, bytesUnderWay } = work;
  const latency = latencyOf(gpu, level);
  const resident = gpu.units * gpu.lanes;
  const requested = bytesUnderWay === null ? Infinity : (Math.min(lanes, resident) * bytesUnderWay) / latency;
  const parts = {
    // 1e9 bytes a second are a byte a nanosecond, 1e12 operations a thousand.
    bytes: cost.bytes / Math.min(gpu.gigabytes, requested),
    arithmetic: cost.flops / (1000 * gpu.teraflops * Math.min(lanes / lanesOfPeak(gpu), 1)),
    waits: (waits ?? 0) * latency * ceilDiv(lanes, resident),
  };
  const longest = Math.max(parts.bytes, parts.arithmetic, parts.waits);
  const bound = longest === parts.waits ? 'waits' : longest === parts.bytes ? 'bytes' : 'arithmetic';
  return { total: longest + LAUNCH_GAP, bound, parts };
}

/** Counts the lanes whose multiply-adds of each cycle are the peak. */
function lanesOfPeak({ teraflops, gigahertz }: Gpu): number {
  return (1000 * teraflops) / (2 * gigahertz);
}
