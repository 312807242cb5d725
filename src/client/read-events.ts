// Server-sent events out of bytes that may be cut anywhere; comments and fields other than `data` are skipped.

/** Reads the data of each event. `wake` is called for all bytes that come, those of comments included. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  wake: () => void,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [rest, data]: [string, string[]] = ['', []];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      wake();
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const ended of lines) {
        const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
        if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
        if (line !== '' || data.length === 0) continue;
        yield data.join('\n');
        data = [];
      }
    }
  } finally {
    reader.releaseLock();
  }
}
