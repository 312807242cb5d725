// A pull from a stub of the hub: what stands in the cache afterwards, and which requests it took.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { errorOf } from '../support/error-of.ts';
import { commitNamed, gitHash, HubStub, repoOf, type StubFile, sha256 } from '../support/hub/hub-stub.ts';
import { pullFrom } from '../support/hub/pull-from.ts';
import { canMountDisk, mountDisk } from '../support/small-disk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const text = (content: string): StubFile => ({ bytes: new TextEncoder().encode(content) });
const large = (length: number, seed = 1): StubFile => ({
  bytes: Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * seed) & 255),
  isLarge: true,
});

const REPO = 'someone/model';
const files = {
  'config.json': text('{"a":1}'),
  'sub/notes.txt': text('notes'),
  'empty.txt': text(''),
  'weights.bin': large(200_000),
};
const first = commitNamed('first');

async function startStub(): Promise<HubStub> {
  const stub = await HubStub.start();
  onTestFinished(() => stub[Symbol.asyncDispose]());
  stub.repos.set(REPO, repoOf(files));
  return stub;
}

function cachedAt(cache: string) {
  const path = join(cache, 'models--someone--model');
  const read = (file: string) => new Uint8Array(readFileSync(join(path, 'snapshots', first, file)));
  return { path, read, blobs: () => readdirSync(join(path, 'blobs')).toSorted() };
}

describe('a pull', () => {
  test("leaves the Python client's layout: bytes by hash, links by commit, the commit of the branch", async () => {
    const stub = await startStub();
    const cache = join(temporaryDirectory(), 'not/yet/there');
    const pulled = await pullFrom(stub, cache, REPO);
    const { path, read, blobs } = cachedAt(cache);
    const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes.length, 0);
    expect(pulled).toEqual({ path: join(path, 'snapshots', first), commit: first, bytes, fetched: bytes });
    for (const [name, file] of Object.entries(files)) expect(read(name)).toEqual(file.bytes);
    const hashes = Object.values(files).map(({ bytes: all, isLarge }) => (isLarge ? sha256(all) : gitHash(all)));
    expect(blobs()).toEqual(hashes.toSorted());
    const link = readlinkSync(join(path, 'snapshots', first, 'sub/notes.txt'));
    expect(link).toBe(`../../../blobs/${gitHash(files['sub/notes.txt'].bytes)}`);
    expect(readFileSync(join(path, 'refs/main'), 'utf8')).toBe(first);
    expect(readdirSync(join(cache, '.locks/models--someone--model'))).toEqual([]);
  });

  test('fetches nothing that is there, and notes a branch that moved', async () => {
    const stub = await startStub();
    const cache = temporaryDirectory();
    await pullFrom(stub, cache, REPO);
    stub.calls.length = 0;
    expect(await pullFrom(stub, cache, REPO)).toMatchObject({ fetched: 0 });
    expect(stub.calls.map(({ path }) => path.replace(/\?.*/, ''))).toEqual([
      `/api/models/${REPO}/revision/main`,
      `/api/models/${REPO}/tree/${first}`,
    ]);
    const second = commitNamed('second');
    const changed = { ...files, 'config.json': text('{"a":2}') };
    stub.repos.set(REPO, { refs: { main: second }, commits: { [first]: files, [second]: changed } });
    expect(await pullFrom(stub, cache, REPO)).toMatchObject({ commit: second, fetched: 7 });
    expect(readFileSync(join(cachedAt(cache).path, 'refs/main'), 'utf8')).toBe(second);
    expect(cachedAt(cache).read('config.json')).toEqual(files['config.json'].bytes);
  });

  test('takes a tag, a branch with slashes and a commit, which needs no note', async () => {
    const stub = await startStub();
    stub.repos.set(REPO, { refs: { 'v1.0': first, 'refs/pr/1': first }, commits: { [first]: files } });
    const cache = temporaryDirectory();
    await pullFrom(stub, cache, REPO, { revision: first });
    expect(existsSync(join(cachedAt(cache).path, 'refs'))).toBe(false);
    await pullFrom(stub, cache, REPO, { revision: 'refs/pr/1' });
    await pullFrom(stub, cache, `${REPO}@v1.0`);
    for (const ref of ['v1.0', 'refs/pr/1']) {
      expect(readFileSync(join(cachedAt(cache).path, 'refs', ref), 'utf8')).toBe(first);
    }
  });

  test('reads a listing of several pages, and follows a model that moved on the hub', async () => {
    const stub = await startStub();
    stub.pageSize = 1;
    stub.hook = ({ path }, response) => {
      if (!path.includes('old-name')) return false;
      response.writeHead(307, { location: path.replace('old-name', REPO) }).end();
      return true;
    };
    const { fetched } = await pullFrom(stub, temporaryDirectory(), 'old-name');
    expect(fetched).toBe(200_012);
  });

  test('links to bytes that another commit or the Python client brought', async () => {
    const stub = await startStub();
    const cache = temporaryDirectory();
    const { bytes } = files['weights.bin'];
    mkdirSync(join(cachedAt(cache).path, 'blobs'), { recursive: true });
    writeFileSync(join(cachedAt(cache).path, 'blobs', sha256(bytes)), bytes);
    expect(await pullFrom(stub, cache, REPO)).toMatchObject({ fetched: 12 });
    expect(stub.pathsAt('content')).toEqual([]);
  });

  test('puts the files themselves where there are no links', async () => {
    const stub = await startStub();
    const cache = temporaryDirectory();
    await pullFrom(stub, cache, REPO, { on: { symlinks: false } });
    const { path, read, blobs } = cachedAt(cache);
    expect(lstatSync(join(path, 'snapshots', first, 'weights.bin')).isFile()).toBe(true);
    expect(read('weights.bin')).toEqual(files['weights.bin'].bytes);
    expect(blobs()).toEqual([]);
    expect(await pullFrom(stub, cache, REPO, { on: { symlinks: false } })).toMatchObject({ fetched: 0 });
  });

  test('asks nothing offline', async () => {
    const stub = await startStub();
    const cache = temporaryDirectory();
    const on = { offline: true };
    await expect(pullFrom(stub, cache, REPO, { on })).rejects.toThrow(
      'someone/model: HF_HUB_OFFLINE is set and revision main is not in the cache, expected',
    );
    await pullFrom(stub, cache, REPO);
    stub.calls.length = 0;
    expect(await pullFrom(stub, cache, REPO, { on })).toMatchObject({ commit: first, fetched: 0 });
    expect(stub.calls).toEqual([]);
  });

  test('by two at once is one transfer', async () => {
    const stub = await startStub();
    stub.pause = 5;
    const cache = temporaryDirectory();
    const waits: string[] = [];
    const onWait = (line: string) => waits.push(line);
    const pulled = await Promise.all([1, 2].map(() => pullFrom(stub, cache, REPO, { onWait })));
    expect(pulled.map(({ fetched }) => fetched).toSorted()).toEqual([0, 200_012]);
    expect(stub.pathsAt('content')).toHaveLength(1);
    expect(waits).toEqual([`another process pulls ${REPO}: waiting`]);
  });

  test('that is interrupted leaves its bytes, no link and no note, and the next one goes on', async () => {
    const stub = await startStub();
    stub.pause = 5;
    const cache = temporaryDirectory();
    const abort = new AbortController();
    const onProgress = (done: number) => {
      if (done > 60_000) abort.abort(new Error('enough'));
    };
    await expect(pullFrom(stub, cache, REPO, { signal: abort.signal, onProgress })).rejects.toThrow('enough');
    const { path, read, blobs } = cachedAt(cache);
    expect(existsSync(join(path, 'refs'))).toBe(false);
    expect(existsSync(join(path, 'snapshots', first, 'weights.bin'))).toBe(false);
    const [partial = ''] = blobs().filter((name) => name.endsWith('.incomplete'));
    const { size } = statSync(join(path, 'blobs', partial));
    expect(size).toBeGreaterThan(40_000);
    stub.calls.length = 0;
    await pullFrom(stub, cache, REPO);
    expect(stub.calls.at(-1)?.headers.range).toBe(`bytes=${size}-`);
    expect(read('weights.bin')).toEqual(files['weights.bin'].bytes);
    expect(blobs().some((name) => name.includes('incomplete'))).toBe(false);
  });

  test('reports each byte once, up to the last', async () => {
    const stub = await startStub();
    const seen: number[] = [];
    await pullFrom(stub, temporaryDirectory(), REPO, { onProgress: (done) => seen.push(done) });
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(200_012);
  });
});

describe('is refused:', () => {
  test.each(['../../evil', 'a/../../evil', '/etc/passwd', 'a\\..\\b', 'c:evil', 'a//b', './a'])(
    'a path %s',
    async (path) => {
      const stub = await startStub();
      stub.repos.set(REPO, repoOf({ [path]: text('evil') }));
      const cache = temporaryDirectory();
      await expect(pullFrom(stub, cache, REPO)).rejects.toThrow(
        `answer of the hub has path ${JSON.stringify(path)}, expected`,
      );
      expect(cachedAt(cache).blobs()).toEqual([]);
    },
  );

  test.each([
    ['no JSON', '<html>'],
    ['no commit', '{"id":"a","sha":"../x"}'],
  ])('an answer that is %s', async (_, body) => {
    const stub = await startStub();
    stub.hook = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
      return true;
    };
    const error = await errorOf(() => pullFrom(stub, temporaryDirectory(), REPO));
    expect(error).toMatchObject({
      name: 'HubError',
      message: expect.stringMatching(/^someone\/model: answer of the hub has /),
    });
  });

  test('a listing that never ends', async () => {
    const stub = await startStub();
    stub.hook = ({ path }, response) => {
      if (!path.includes('/tree/')) return false;
      const headers = { 'content-type': 'application/json', link: `<${stub.url}${path}>; rel="next"` };
      response.writeHead(200, headers).end('[]');
      return true;
    };
    await expect(pullFrom(stub, temporaryDirectory(), REPO)).rejects.toThrow('listing has more than 200 pages');
  });

  test('a cache that is a file', async () => {
    const cache = join(temporaryDirectory(), 'file');
    writeFileSync(cache, '');
    const error = await errorOf(async () => pullFrom(await startStub(), cache, REPO));
    expect(error).toMatchObject({ name: 'HubCacheError', path: cache, message: expect.stringContaining('(ENOTDIR)') });
  });

  test('a cache where nobody may make a directory', async () => {
    const error = await errorOf(async () => pullFrom(await startStub(), '/proc/roseinfer/hub', REPO));
    expect(error).toMatchObject({
      message: expect.stringMatching(/^\/proc\/roseinfer\/hub: cache is unusable \(ENOENT\)/),
    });
  });

  test('a directory in the place of a file', async () => {
    const cache = temporaryDirectory();
    mkdirSync(join(cachedAt(cache).path, 'snapshots', first, 'config.json/x'), { recursive: true });
    await expect(pullFrom(await startStub(), cache, REPO)).rejects.toThrow(/cache is unusable \(E\w+\)/);
  });
});

describe.runIf(canMountDisk)('a disk', () => {
  test('without room is told before the transfer, and one that fills up keeps what came', async () => {
    const stub = await startStub();
    const cache = mountDisk('size=512k');
    writeFileSync(join(cache, 'other'), new Uint8Array(400_000));
    const refused = await errorOf(() => pullFrom(stub, cache, REPO));
    expect(refused).toMatchObject({
      name: 'HubCacheError',
      message: expect.stringMatching(/ free bytes, expected at least 200012$/),
    });
    expect(stub.pathsAt('content')).toEqual([]);
    writeFileSync(join(cache, 'other'), new Uint8Array(200_000));
    const onProgress = (done: number) => {
      if (done > 0) writeFileSync(join(cache, 'other'), new Uint8Array(400_000));
    };
    const full = await errorOf(() => pullFrom(stub, cache, REPO, { onProgress }));
    expect(full).toMatchObject({
      name: 'HubCacheError',
      message: expect.stringContaining('cache is full (ENOSPC), expected'),
    });
    writeFileSync(join(cache, 'other'), '');
    await pullFrom(stub, cache, REPO);
    expect(stub.calls.at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(cachedAt(cache).read('weights.bin')).toEqual(files['weights.bin'].bytes);
  });

  test('that is read-only is told', async () => {
    const error = await errorOf(async () => pullFrom(await startStub(), mountDisk('size=512k,ro'), REPO));
    expect(error).toMatchObject({
      name: 'HubCacheError',
      message: expect.stringContaining('cache is unusable (EROFS), expected'),
    });
  });
});
