// Lines of a file of any length, with memory for one of them: of a line that is too long only its number is kept.

/** Line without its end. */
export interface InputLine {
  /** From 1 on; empty lines count. */
  readonly number: number;
  /** Null for a line of more bytes than one may have. */
  readonly bytes: Uint8Array | null;
}

const LINE_FEED = 0x0a;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Yields the lines of a stream, the last one with or without an end. A byte order mark before the first is dropped. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<InputLine> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const add = (part: Uint8Array) => {
    length += part.length;
    if (length > maxBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const take = (): InputLine => {
    const bytes = length > maxBytes ? null : withoutBom(Buffer.concat(parts), number);
    parts = [];
    length = 0;
    return { number: number++, bytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

function withoutBom(bytes: Buffer, number: number): Buffer {
  return number === 1 && bytes.subarray(0, BOM.length).equals(BOM) ? bytes.subarray(BOM.length) : bytes;
}

/** Tells whether a line has nothing but white space; a carriage return is some. */
export function isBlank({ bytes }: InputLine): boolean {
  return bytes?.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) ?? false;
}
