// A meter within the server of a soak, loaded before it: how late a timer was, how much of that the thread waited for a processor that
// others had, and the memory that is in use. It answers the process that started the server.
import { openSync, readSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { ascending, percentile } from '../../src/util/statistics.ts';
import type { LoopReport } from './loop-report.ts';

const INTERVAL_MS = 10;
const NS_PER_MS = 1e6;
/** Of this thread: nanoseconds that it ran, nanoseconds that it was ready and another had the processor, times that it ran. */
const SCHEDSTAT = '/proc/thread-self/schedstat';
/** Code that has not run for some collections is dropped: with fewer of them, it would count as growth or the contrary. */
const COLLECTIONS = 10;
const buffer = Buffer.alloc(64);
const readWait = waitReader();

let late: number[] = [];
let held: number[] = [];
let [before, waited] = [performance.now(), readWait()];
let [utilization, turns] = [performance.eventLoopUtilization(), 0];

setInterval(() => {
  const [now, total] = [performance.now(), readWait()];
  const lateness = Math.max(now - before - INTERVAL_MS, 0);
  late.push(lateness);
  held.push(Math.max(lateness - (total - waited), 0));
  [before, waited] = [now, total];
}, INTERVAL_MS).unref();

process.on('message', () => {
  const { active } = performance.eventLoopUtilization(utilization);
  const { loopCount } = performance.nodeTiming.uvMetricsInfo;
  const times = { lateMs: quantiles(late), heldMs: quantiles(held), busyMsPerTurn: active / (loopCount - turns) };
  [late, held] = [[], []];
  const report: LoopReport = { ...times, residentBytes: process.memoryUsage.rss(), liveBytes: liveBytes() };
  process.send?.(report);
  [utilization, turns] = [performance.eventLoopUtilization(), loopCount];
  // What it took to tell is not the server's.
  [before, waited] = [performance.now(), readWait()];
});
// The server ends as if nobody listened.
process.channel?.unref();

/** Median, 99th percentile and most. */
function quantiles(samples: readonly number[]): number[] {
  const sorted = ascending(samples);
  return sorted.length === 0 ? [] : [0.5, 0.99, 1].map((fraction) => percentile(sorted, fraction));
}

/** Makes a reader of the milliseconds that this thread has waited for a processor; 0 where the system does not tell. */
function waitReader(): () => number {
  try {
    const file = openSync(SCHEDSTAT, 'r');
    return () => {
      const length = readSync(file, buffer, 0, buffer.length, 0);
      return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / NS_PER_MS;
    };
  } catch {
    return () => 0;
  }
}

/** Bytes of JavaScript's heap that something still holds. */
function liveBytes(): number {
  for (let i = 0; i < COLLECTIONS; i++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
