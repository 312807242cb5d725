// Server-sent events of a body, one by one.
import { EventReader } from '../util/event-reader.ts';

/** Reads the data of each event. `wake` is called for all bytes that come, those of comments included. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  wake: () => void,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const events = new EventReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      wake();
      yield* events.take(value);
    }
  } finally {
    reader.releaseLock();
  }
}
