// The transfer of one file into the cache: it goes on where it was cut, and takes its place only when size and hash are those of
// the repository.
import { HubConnectionError, HubResponseError, TransferError } from './hub-error.ts';
import type { HubRequests } from './hub-requests.ts';
import type { RepoFile } from './list-repo.ts';
import { PartialFile } from './partial-file.ts';
import { withRetries } from './retry.ts';

/** Transfer of a file. */
export interface Transfer {
  readonly requests: HubRequests;
  readonly url: string;
  readonly file: RepoFile;
  /** Path that the file gets. */
  readonly blob: string;
  /** Milliseconds without a byte after which a connection counts as cut. */
  readonly stall: number;
  /** Bytes from the beginning that are wanted now; by default all. */
  readonly upTo?: number;
  /** Receives the bytes that are there. */
  readonly onLength: (bytes: number) => void;
}

/**
 * Fetches a file, in as many attempts as it takes. Bytes that an earlier transfer left are kept if they prove right; without an
 * entity tag only the hash of the whole file tells, and one that is wrong then begins again. A beginning stays where a transfer that
 * was cut leaves it (`partialPath`).
 *
 * @throws TransferError for bytes that are not those of the repository; HubError as `HubRequests.send`; what the file system throws.
 */
export async function fetchFile(transfer: Transfer): Promise<void> {
  const { requests, file, blob, onLength } = transfer;
  await using partial = await PartialFile.open(blob, file);
  for (let isResumed = partial.length > 0; ; isResumed = false) {
    onLength(partial.length);
    await withRetries(() => receive(transfer, partial), { ...requests.options, progress: () => partial.length });
    if (partial.length < file.size) return;
    const digest = partial.digest();
    if (digest === file.hash) return await partial.moveTo(blob);
    if (!isResumed) {
      await partial.discard();
      throw new TransferError(file.path, file.hash.length === 64 ? 'SHA-256' : "git's SHA-1", digest, file.hash);
    }
    await partial.restart();
  }
}

/** Receives what is missing. @throws HubConnectionError when it ends early. */
async function receive(
  { requests, url, file, stall, upTo = file.size, onLength }: Transfer,
  partial: PartialFile,
): Promise<void> {
  if (partial.length >= upTo) return;
  using watch = new Watch(stall);
  const signal = AbortSignal.any([requests.options.signal, watch.signal]);
  const response = await request(requests, url, partial, signal);
  await checkRange(response, file, partial);
  await partial.keepTag(response.headers.get('etag'));
  const host = new URL(response.url || url).host;
  try {
    for await (const bytes of chunksOf(response, requests)) {
      watch.restart();
      if (partial.length + bytes.length > file.size) {
        await partial.discard();
        throw new TransferError(file.path, 'size', `more than ${file.size}`, file.size);
      }
      await partial.append(bytes);
      onLength(partial.length);
      if (upTo < file.size && partial.length >= upTo) return;
    }
  } finally {
    await response.body?.cancel().catch(() => {});
  }
  if (partial.length < file.size) {
    throw new HubConnectionError(host, `ended after ${partial.length} of ${file.size} bytes, expected all of them`);
  }
}

async function request(
  requests: HubRequests,
  url: string,
  partial: PartialFile,
  signal: AbortSignal,
): Promise<Response> {
  const whole = { 'accept-encoding': 'identity' }; // ranges are of the bytes that are sent
  if (partial.length === 0) return await requests.send(url, whole, signal);
  const headers = {
    ...whole,
    range: `bytes=${partial.length}-`,
    ...(partial.tag === null ? {} : { 'if-range': partial.tag }),
  };
  try {
    return await requests.send(url, headers, signal);
  } catch (error) {
    if (!(error instanceof HubResponseError && error.status === 416)) throw error;
    await partial.restart();
    return await requests.send(url, whole, signal);
  }
}

/** Drops the bytes that are there where an answer begins elsewhere, and refuses one of another file. */
async function checkRange(
  { status, headers, body }: Response,
  { path, size }: RepoFile,
  partial: PartialFile,
): Promise<void> {
  const range = status === 206 ? /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') : null;
  const length = status === 206 ? range?.[2] : headers.has('content-encoding') ? null : headers.get('content-length');
  if (length != null && length !== '*' && Number(length) !== size) {
    await body?.cancel();
    await partial.discard();
    throw new TransferError(path, 'size', Number(length), size);
  }
  if (status === 206 && Number(range?.[1]) === partial.length) return;
  if (partial.length > 0) await partial.restart();
  if (status !== 206) return;
  await body?.cancel();
  throw new TransferError(path, 'range of the answer', headers.get('content-range') ?? 'missing', 'the one asked for');
}

async function* chunksOf(response: Response, requests: HubRequests): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of response.body ?? []) yield bytes;
  } catch (cause) {
    throw requests.cut(response.url, 'was cut', cause);
  }
}

/** Watch over a connection: it aborts one on which nothing comes. */
class Watch implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    const stop = () => this.#abort.abort(new DOMException('nothing came', 'TimeoutError'));
    this.#timer = setTimeout(stop, milliseconds).unref();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  restart(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
