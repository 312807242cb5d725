// Server-sent events in stamped bytes: an event has the time of the bytes that complete it.
import { EventReader } from '../../src/util/event-reader.ts';
import type { StampedBytes } from './http-client.ts';

/** Data of an event, and when it was complete. */
export interface StampedEvent {
  readonly time: number;
  readonly data: string;
}

/** Reads the events of a stream, whose bytes may be cut anywhere. Comments and fields other than `data` are skipped. */
export function readEvents(pieces: readonly StampedBytes[]): StampedEvent[] {
  const reader = new EventReader();
  return pieces.flatMap(({ time, bytes }) => reader.take(bytes).map((data) => ({ time, data })));
}
