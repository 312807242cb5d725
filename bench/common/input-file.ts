// Input files of flags, as streams of bytes. A named pipe is opened without waiting for its writer, because a waiting
// thread would keep the process from ending at a signal.
import { constants, createReadStream, openSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';

/**
 * Opens a file, a pipe or a device.
 *
 * @param signal ends the stream with its reason.
 * @throws what the file system throws, now or from the stream.
 */
export async function openInput(path: string, signal: AbortSignal): Promise<Readable> {
  const stream = (await isNamedPipe(path))
    ? new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false })
    : createReadStream(path);
  return addAbortSignal(signal, stream);
}

/** Tells whether a path is a named pipe. That of a shell's `<(…)` or `|` has a writer already, and no real path. */
async function isNamedPipe(path: string): Promise<boolean> {
  const found = await stat(path);
  return (
    found.isFIFO() &&
    (await realpath(path).then(
      () => true,
      () => false,
    ))
  );
}
