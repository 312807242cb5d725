// Files that flags name to write to. Whether they can be written is found out before the work starts; a regular file is
// replaced whole, everything else (a pipe, a device, the command's own stdout) is written as it is.
import { type BigIntStats, constants, fstatSync, openSync } from 'node:fs';
import { access, readlink, realpath, stat, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { probeDraft, writeAtomically } from '../util/atomic-write.ts';
import { RoseinferError } from '../util/errors.ts';
import { quote } from '../util/quote.ts';
import { UsageError } from './flag-words.ts';

/** Error of a file that a flag names and that can't be written. */
class OutputFileError extends RoseinferError {
  readonly flag: string;
  readonly path: string;

  constructor(flag: string, path: string, cause: unknown) {
    super(`${flag} is ${quote(path)} (${codeOf(cause)}), expected a file that can be written`, { cause });
    this.flag = flag;
    this.path = path;
  }
}

/** Files by the flag that names them; undefined where the flag is not given. */
export type FilesByFlag = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Checks before a long run that all outputs of a command can be written, and that none of them is another output or an
 * input under any spelling. Changes no file and leaves none behind.
 *
 * @throws OutputFileError, or UsageError naming the two flags.
 */
export async function checkOutputs(outputs: FilesByFlag, inputs: FilesByFlag = {}): Promise<void> {
  const flags = new Map<string, string>();
  for (const [flag, path] of pairs(inputs)) {
    const target = await targetOf(path).catch(() => null); // reported when it is read
    if (target?.kind === 'file') flags.set(target.identity, flag);
  }
  for (const [flag, path] of pairs(outputs)) {
    await checkOutput(flag, path);
    const target = await targetOf(path);
    if (target.kind !== 'file') continue;
    const other = flags.get(target.identity);
    if (other !== undefined)
      throw new UsageError(`${flag} is ${quote(path)}, expected another file than ${other} names`);
    flags.set(target.identity, flag);
  }
}

/**
 * Checks before a long run that `replaceFile` can write a file. Changes no file and leaves none behind.
 *
 * @throws OutputFileError
 */
export async function checkOutput(flag: string, path: string): Promise<void> {
  try {
    const target = await targetOf(path);
    if (target.kind !== 'stream' && target.exists) await access(target.path, constants.W_OK);
    if (target.kind === 'file') await probeDraft(target.path);
  } catch (cause) {
    throw new OutputFileError(flag, path, cause);
  }
}

/**
 * Replaces a file atomically: a reader sees the old content or the new. Pipes and devices are written directly.
 *
 * @throws OutputFileError
 */
export async function replaceFile(flag: string, path: string, content: string | Iterable<string>): Promise<void> {
  try {
    const target = await targetOf(path);
    if (target.kind === 'file') await writeAtomically(target.path, content);
    else if (target.kind === 'device') await writeFile(target.path, content);
    else await feed(target.kind === 'stream' ? target.stream : await openPipe(target.path), content);
  } catch (cause) {
    throw new OutputFileError(flag, path, cause);
  }
}

/** Says on stderr that an interrupted command has nothing to write to a file yet. */
export function tellNothingYet(flag: string, path: string): void {
  console.error(`${flag}: nothing has run yet, so ${quote(path)} is not written`);
}

/** Target of a path, links followed. */
type Target =
  | { readonly kind: 'file'; readonly path: string; readonly exists: boolean; readonly identity: string }
  | { readonly kind: 'pipe' | 'device'; readonly path: string; readonly exists: true }
  /** A stream of the command itself; opened a second time, it would be overwritten from its start. */
  | { readonly kind: 'stream'; readonly stream: Writable };

async function targetOf(path: string): Promise<Target> {
  if (path.endsWith('/')) throw failure('EISDIR');
  const found = await statOrNull(path);
  if (found === null) {
    if (path === '') throw failure('ENOENT');
    const link = await readlink(path).catch(() => null);
    if (link !== null) return targetOf(resolve(dirname(path), link));
    const real = join(await realpath(dirname(path)), basename(path));
    return { kind: 'file', path: real, exists: false, identity: real };
  }
  if (found.isDirectory()) throw failure('EISDIR');
  const stream = [process.stdout, process.stderr].find(({ fd }) => isSame(found, fd));
  if (stream !== undefined) return { kind: 'stream', stream };
  if (found.isFIFO()) return { kind: 'pipe', path, exists: true };
  if (found.isSocket()) throw failure('ENXIO');
  if (!found.isFile()) return { kind: 'device', path, exists: true };
  return { kind: 'file', path: await realpath(path), exists: true, identity: `${found.dev} ${found.ino}` };
}

async function statOrNull(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function isSame({ dev, ino }: BigIntStats, fd: number): boolean {
  try {
    const opened = fstatSync(fd, { bigint: true });
    return opened.dev === dev && opened.ino === ino;
  } catch {
    return false; // it was closed
  }
}

/** Milliseconds between two attempts to open a pipe that has no reader. */
const PIPE_POLL = 20;

/** Opens a named pipe when it has a reader. A blocking open would keep the process from ending at a signal. */
async function openPipe(path: string): Promise<Writable> {
  for (;;) {
    try {
      return new Socket({ fd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), readable: false });
    } catch (error) {
      if (codeOf(error) !== 'ENXIO') throw error;
      await setTimeout(PIPE_POLL);
    }
  }
}

async function feed(stream: Writable, content: string | Iterable<string>): Promise<void> {
  const isOwn = stream === process.stdout || stream === process.stderr;
  await pipeline(Readable.from(typeof content === 'string' ? [content] : content), stream, { end: !isOwn });
}

function* pairs(files: FilesByFlag): Generator<[flag: string, path: string]> {
  for (const [flag, paths] of Object.entries(files)) {
    for (const path of typeof paths === 'string' ? [paths] : (paths ?? [])) yield [flag, path];
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}
