// Promises that every trace keeps: events nest, tracks have names, kernels lie within steps, spans of a request leave
// no gap.
import type { CompleteEvent, TraceEvent } from '../../../src/terminal/trace-events.ts';

/** An event's ends in whole nanoseconds. */
export function spanOf({ ts, dur }: CompleteEvent): { readonly start: number; readonly end: number } {
  return { start: Math.round(ts * 1000), end: Math.round((ts + dur) * 1000) };
}

export function completeEvents(events: readonly TraceEvent[]): CompleteEvent[] {
  return events.filter((event) => event.ph === 'X');
}

/** A track's name by "pid tid". */
export function trackNames(events: readonly TraceEvent[]): Map<string, unknown> {
  return new Map(
    events.flatMap((event) =>
      event.ph === 'M' && event.name === 'thread_name' && 'name' in event.args
        ? [[`${event.pid} ${event.tid}`, event.args.name] as const]
        : [],
    ),
  );
}

/**
 * Checks what a viewer needs to draw a trace: no negative times, a name for every track, and any two events of a track apart
 * or one within the other.
 *
 * @throws Error that names the first event for which that does not hold.
 */
export function checkTrace(events: readonly TraceEvent[]): void {
  const names = trackNames(events);
  const tracks = Map.groupBy(completeEvents(events), ({ pid, tid }) => `${pid} ${tid}`);
  for (const [track, found] of tracks) {
    if (!names.has(track)) throw new Error(`track ${track} has no name`);
    const open: number[] = [];
    const spans = found.map((event) => ({ event, ...spanOf(event) }));
    for (const { event, start, end } of spans.sort((a, b) => a.start - b.start || b.end - a.end)) {
      if (event.ts < 0 || event.dur < 0) throw new Error(`${event.name} at ${event.ts} for ${event.dur} µs`);
      while (open.length > 0 && open.at(-1)! <= start) open.pop();
      if (open.length > 0 && end > open.at(-1)!) throw new Error(`${event.name} at ${event.ts} µs crosses an event`);
      open.push(end);
    }
  }
}

/** Checks that every kernel lies within its step and every request's spans follow each other from its start to its end. */
export function checkCover(events: readonly TraceEvent[]): void {
  const complete = completeEvents(events);
  const steps = new Map(complete.flatMap((e) => (e.cat === 'step' ? [[`${e.pid} ${e.args.index}`, spanOf(e)]] : [])));
  for (const kernel of complete.filter(({ cat }) => cat === 'kernel')) {
    const step = steps.get(`${kernel.pid} ${kernel.args.step}`);
    const { start, end } = spanOf(kernel);
    if (!step || start < step.start || end > step.end) {
      throw new Error(`${kernel.name} at ${kernel.ts} µs is outside its step ${kernel.args.step}`);
    }
  }
  const requests = Map.groupBy(
    complete.filter(({ cat }) => cat === 'request'),
    ({ pid, tid }) => `${pid} ${tid}`,
  );
  for (const [whole, ...spans] of requests.values()) {
    const { start, end } = spanOf(whole!);
    let at = start;
    for (const span of spans.map(spanOf)) {
      if (span.start !== at) throw new Error(`${whole!.name} has a gap at ${at} ns`);
      at = span.end;
    }
    if (at !== end) throw new Error(`${whole!.name} ends at ${end} ns, its last span at ${at}`);
  }
}
