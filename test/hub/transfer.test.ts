// The transfer of a file over a connection with faults: it ends with the bytes of the repository or with an error that says why.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HubRequests } from '../../src/hub/hub-requests.ts';
import { partialPath } from '../../src/hub/partial-file.ts';
import { fetchFile } from '../../src/hub/transfer.ts';
import { errorOf } from '../support/error-of.ts';
import { commitNamed, HubStub, repoOf, sha256 } from '../support/hub/hub-stub.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SIZE = 160_000;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8) * 7) & 255);
const file = { path: 'weights.bin', size: SIZE, hash: sha256(bytes) };
const TAG = `"of-${file.hash.slice(0, 8)}"`;

async function setUp() {
  const stub = await HubStub.start();
  onTestFinished(() => stub[Symbol.asyncDispose]());
  stub.repos.set('a/b', repoOf({ [file.path]: { bytes, isLarge: true } }));
  const blob = join(temporaryDirectory(), 'blob');
  const waits: string[] = [];
  const fetch = async (changes: Partial<typeof file> = {}, stall = 5000, upTo = changes.size ?? SIZE) => {
    const { signal } = new AbortController();
    const onWait = ({ message }: Error) => waits.push(message);
    const requests = new HubRequests({
      repo: 'a/b',
      endpoint: stub.url,
      token: stub.token,
      signal,
      backoff: 1,
      onWait,
    });
    const url = `${stub.url}/a/b/resolve/${commitNamed('first')}/weights.bin`;
    await fetchFile({ requests, url, file: { ...file, ...changes }, blob, stall, upTo, onLength: () => {} });
  };
  const ranges = () =>
    stub.calls.filter(({ host }) => host === 'content').map(({ headers }) => headers.range ?? 'whole');
  return { stub, blob, waits, fetch, ranges, read: () => new Uint8Array(readFileSync(blob)) };
}

/** Leaves the beginning of a file, as an earlier transfer does. */
function leave(blob: string, beginning: Uint8Array, tag = TAG): void {
  writeFileSync(partialPath(blob), beginning);
  if (tag !== '') writeFileSync(`${partialPath(blob)}.etag`, tag);
}

describe('a transfer', () => {
  test('goes on after each of many cuts, where it was cut, and under the entity tag that it began with', async () => {
    const { stub, blob, fetch, ranges, waits, read } = await setUp();
    stub.cuts = [30_000, 30_000, 30_000, 30_000, 1000, 1000, 1000, 1000];
    await fetch();
    expect(read()).toEqual(bytes);
    expect(ranges()).toHaveLength(9);
    const starts = ranges().map((range) => Number(/\d+/.exec(range)?.[0] ?? 0));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(new Set(starts).size).toBeGreaterThan(5); // bytes that were not read before a cut may be lost
    expect(stub.calls.at(-1)?.headers['if-range']).toBe(TAG);
    expect(waits[0]).toMatch(/^connection to 127\.0\.0\.1:\d+ was cut \(\w+\), expected/);
    expect(readdirSync(join(blob, '..'))).toEqual(['blob']);
  });

  test('gives up after five cuts without a byte, and leaves what came', async () => {
    const { stub, blob, fetch, ranges } = await setUp();
    stub.cuts = [50_000, 0, 0, 0, 0, 0];
    stub.isRead = () => (statSync(partialPath(blob), { throwIfNoEntry: false })?.size ?? 0) >= 40_000;
    expect(await errorOf(fetch)).toMatchObject({ name: 'HubConnectionError' });
    expect(ranges()).toHaveLength(5);
    expect(readFileSync(partialPath(blob)).length).toBeGreaterThanOrEqual(40_000);
    expect(existsSync(blob)).toBe(false);
  });

  test('begins again when the file behind the address is another: the answer is the whole file then', async () => {
    const { stub, blob, fetch, ranges, read } = await setUp();
    leave(blob, new Uint8Array(5000), '"of-another"');
    await fetch();
    expect(ranges()).toEqual(['bytes=5000-']);
    expect(stub.calls.at(-1)?.headers['if-range']).toBe('"of-another"');
    expect(read()).toEqual(bytes);
  });

  test('without an entity tag trusts the hash alone: wrong bytes begin again, once', async () => {
    const { blob, fetch, ranges, read } = await setUp();
    leave(blob, new Uint8Array(5000), '');
    await fetch();
    expect(ranges()).toEqual(['bytes=5000-', 'whole']);
    expect(read()).toEqual(bytes);
  });

  test('of bytes that are all there needs no request; longer ones begin again', async () => {
    const { stub, blob, fetch, ranges } = await setUp();
    leave(blob, bytes);
    await fetch();
    expect(stub.calls).toEqual([]);
    leave(blob, new Uint8Array(SIZE + 1));
    await fetch();
    expect(ranges()).toEqual(['whole']);
  });

  test('takes the whole file from a host that knows no ranges, and one that refuses the range', async () => {
    const { stub, blob, fetch, read } = await setUp();
    stub.hook = ({ host, headers }, response) => {
      if (host !== 'content') return false;
      if (headers.range === 'bytes=7000-') response.writeHead(416).end();
      else response.writeHead(200, { 'content-length': SIZE }).end(bytes);
      return true;
    };
    for (const length of [5000, 7000]) {
      leave(blob, new Uint8Array(length));
      await fetch();
      expect(read()).toEqual(bytes);
    }
  });

  test('of a beginning ends there, and the next one goes on after it', async () => {
    const { blob, fetch, ranges, read } = await setUp();
    await fetch({}, 5000, 50_000);
    const { length } = readFileSync(partialPath(blob));
    expect(length).toBeGreaterThanOrEqual(50_000);
    expect(existsSync(blob)).toBe(false);
    await fetch({}, 5000, 50_000);
    expect(ranges()).toEqual(['whole']);
    await fetch();
    expect(ranges()).toEqual(length === SIZE ? ['whole'] : ['whole', `bytes=${length}-`]);
    expect(read()).toEqual(bytes);
  });

  test('that stands still counts as cut', async () => {
    const { stub, fetch, waits, read } = await setUp();
    let isFirst = true;
    stub.hook = async ({ host }, response) => {
      if (host !== 'content' || !isFirst) return false;
      isFirst = false;
      response.writeHead(200, { etag: TAG, 'content-length': SIZE }).write(bytes.subarray(0, 1000));
      await setTimeout(2000, undefined, { ref: false });
      return true;
    };
    await fetch({}, 300);
    expect(waits).toEqual([expect.stringContaining('(no answer in time)')]);
    expect(read()).toEqual(bytes);
  });
});

describe('is refused:', () => {
  test.each([
    ['a SHA-256', 'a'.repeat(64), /^weights\.bin: SHA-256 is \w{64}, expected a{64}$/],
    ["git's SHA-1", 'b'.repeat(40), /^weights\.bin: git's SHA-1 is \w{40}, expected b{40}$/],
  ])('bytes that have not %s', async (_, hash, message) => {
    const { blob, fetch, ranges } = await setUp();
    expect(await errorOf(() => fetch({ hash }))).toMatchObject({
      name: 'TransferError',
      message: expect.stringMatching(message),
    });
    expect(ranges()).toEqual(['whole']);
    expect(readdirSync(join(blob, '..'))).toEqual([]);
  });

  test.each([SIZE - 1, SIZE + 1])('a file that is announced with another size than %i bytes', async (size) => {
    const { blob, fetch, ranges } = await setUp();
    const error = await errorOf(() => fetch({ size }));
    expect(error).toMatchObject({ name: 'TransferError', message: `weights.bin: size is ${SIZE}, expected ${size}` });
    expect(ranges()).toHaveLength(1);
    expect(readdirSync(join(blob, '..'))).toEqual([]);
  });

  test('more bytes than announced', async () => {
    const { stub, fetch } = await setUp();
    stub.hook = ({ host }, response) => {
      if (host !== 'content') return false;
      response.writeHead(200).end(Buffer.concat([bytes, bytes])); // chunked: no length
      return true;
    };
    expect(await errorOf(fetch)).toMatchObject({ message: `weights.bin: size is more than ${SIZE}, expected ${SIZE}` });
  });

  test('fewer bytes, after five attempts without another one', async () => {
    const { stub, fetch, ranges } = await setUp();
    stub.hook = ({ host }, response) => {
      if (host !== 'content') return false;
      response.writeHead(200).end(bytes.subarray(0, 100));
      return true;
    };
    expect(await errorOf(fetch)).toMatchObject({ message: expect.stringMatching(/ended after 100 of 160000 bytes/) });
    expect(ranges()).toHaveLength(5);
  });

  test('a range that begins elsewhere', async () => {
    const { stub, blob, fetch } = await setUp();
    leave(blob, bytes.subarray(0, 5000));
    stub.hook = ({ host }, response) => {
      if (host !== 'content') return false;
      response.writeHead(206, { 'content-range': `bytes 4000-${SIZE - 1}/${SIZE}` }).end(bytes.subarray(4000));
      return true;
    };
    expect(await errorOf(fetch)).toMatchObject({
      message: expect.stringContaining('range of the answer is bytes 4000-'),
    });
  });
});

test('memory does not grow with the file', async () => {
  const { stub, fetch, blob } = await setUp();
  const piece = new Uint8Array(2 ** 20);
  const numPieces = 192;
  stub.hook = async ({ host }, response) => {
    if (host !== 'content') return false;
    response.writeHead(200, { 'content-length': numPieces * piece.length });
    for (let i = 0; i < numPieces; i++) {
      if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve));
    }
    response.end();
    return true;
  };
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 10);
  const error = await errorOf(() => fetch({ size: numPieces * piece.length, hash: 'c'.repeat(64) }));
  clearInterval(timer);
  expect(error).toMatchObject({ name: 'TransferError' }); // the hash of zeros: all of them came
  expect(most - before).toBeLessThan(96 * 2 ** 20); // a half of the file; sockets and the collector take some
  expect(existsSync(blob)).toBe(false);
});
