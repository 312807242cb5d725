// Reads of whole ranges of an open file, where the system may return less at a time.
import { count } from '../util/count.ts';
import type { Problem } from '../util/model-file-error.ts';

/** Open file as far as a reader knows it, named here so that declarations of the package need no types of Node. */
export interface FileToRead {
  read(out: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** Node reads at most 2^31 − 1 bytes in one call. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * Fills `out` with the bytes of a file from `position` on.
 *
 * @throws what `toError` makes of the problem that the file has been shortened meanwhile.
 */
export async function readFully(
  handle: FileToRead,
  position: number,
  out: Uint8Array,
  toError: (problem: Problem) => Error,
): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const length = Math.min(out.length - done, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(out, done, length, position + done);
    if (bytesRead === 0) {
      const expected = `at least ${position + out.length} bytes`;
      throw toError({ subject: 'file', found: `cut at ${count(position + done, 'byte')}`, expected });
    }
    done += bytesRead;
  }
}
