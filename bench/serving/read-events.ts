// Server-sent events in stamped bytes: an event has the time of the bytes that complete it.
import type { StampedBytes } from './http-client.ts';

/** Data of an event, and when it was complete. */
export interface StampedEvent {
  readonly time: number;
  readonly data: string;
}

/** Reads the events of a stream, whose bytes may be cut anywhere. Comments and fields other than `data` are skipped. */
export function readEvents(pieces: readonly StampedBytes[]): StampedEvent[] {
  const decoder = new TextDecoder();
  const events: StampedEvent[] = [];
  let [rest, data]: [string, string[]] = ['', []];
  for (const { time, bytes } of pieces) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const ended of lines) {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
      if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
      if (line !== '' || data.length === 0) continue;
      events.push({ time, data: data.join('\n') });
      data = [];
    }
  }
  return events;
}
