// A stub of the Hugging Face hub on loopback, written from its public protocol: an API for revisions and listings, files that git
// keeps answered by the hub itself, large ones by a redirect to a content host, which knows no token. Tests plant faults by hooks.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';

/** File of a stub's repository. */
export interface StubFile {
  readonly bytes: Uint8Array;
  /** True for one that is kept by its SHA-256 on the content host. */
  readonly isLarge?: boolean;
}

/** Repository of a stub. */
export interface StubRepo {
  /** Commit of each branch and tag. */
  readonly refs: Readonly<Record<string, string>>;
  /** Files of each commit. */
  readonly commits: Readonly<Record<string, Readonly<Record<string, StubFile>>>>;
  /** True where only calls with the stub's token are answered. */
  readonly isGated?: boolean;
}

/** Request that the stub got. */
export interface StubCall {
  readonly host: 'hub' | 'content';
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers a call itself, and returns true, or leaves it to the protocol. */
export type StubHook = (call: StubCall, response: ServerResponse) => boolean | Promise<boolean>;

/** Names a commit in 40 digits. */
export const commitNamed = (name: string) => createHash('sha1').update(name).digest('hex');

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
export const gitHash = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const hashOf = ({ bytes, isLarge }: StubFile) => (isLarge ? sha256(bytes) : gitHash(bytes));

/** Makes a repository of one commit on main. */
export function repoOf(
  files: Readonly<Record<string, StubFile>>,
  name = 'first',
  others: Partial<StubRepo> = {},
): StubRepo {
  const commit = commitNamed(name);
  return { refs: { main: commit }, commits: { [commit]: files }, ...others };
}

/** Hub and content host, listening; made by `HubStub.start`. */
export class HubStub implements AsyncDisposable {
  readonly calls: StubCall[] = [];
  readonly repos = new Map<string, StubRepo>();
  readonly token = 'hf_secretOfTests';
  /** Sees each call before the protocol does. */
  hook: StubHook = () => false;
  /** Bytes after which the content host cuts the connection, one for each of its next answers. */
  cuts: number[] = [];
  /** Tells whether the client has read what was written, as a cut loses the rest; true for a test that counts no bytes. */
  isRead: () => boolean = () => true;
  /** Milliseconds between the pieces of a large file. */
  pause = 0;
  /** Entries of a page of a listing. */
  pageSize = 1000;
  readonly #hub: Server;
  readonly #content: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer('hub', request, response));
    this.#content = createServer((request, response) => this.#answer('content', request, response));
  }

  static async start(): Promise<HubStub> {
    const stub = new HubStub();
    for (const server of [stub.#hub, stub.#content]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return stub;
  }

  get url(): string {
    return addressOf(this.#hub);
  }

  get contentUrl(): string {
    return addressOf(this.#content);
  }

  /** Paths of the calls of a host. */
  pathsAt(host: StubCall['host']): string[] {
    return this.calls.filter((call) => call.host === host).map(({ path }) => path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#hub, this.#content]) {
      if (!server.listening) continue;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }

  async #answer(
    host: StubCall['host'],
    { method = '', url: path = '', headers }: IncomingMessage,
    response: ServerResponse,
  ) {
    const call = { host, method, path, headers };
    this.calls.push(call);
    response.on('error', () => {});
    if (await this.hook(call, response)) return;
    if (host === 'content') await this.#answerContent(call, response);
    else this.#answerHub(call, response);
  }

  #answerHub(call: StubCall, response: ServerResponse): void {
    const url = new URL(call.path, this.url);
    const path = decodeURIComponent(url.pathname);
    const api = /^\/api\/models\/(.+)\/(revision|tree)\/(.+)$/.exec(path);
    const file = /^\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const [, name = '', kind = 'file', rest = ''] = api ?? (file === null ? [] : [file[0], file[1], 'file', file[2]]);
    const repo = this.repos.get(name);
    if (repo === undefined) {
      refuse(response, 401, 'RepoNotFound', 'Invalid username or password.');
      return;
    }
    if (repo.isGated && call.headers.authorization !== `Bearer ${this.token}`) {
      refuse(
        response,
        call.headers.authorization === undefined ? 401 : 403,
        'GatedRepo',
        `Access to model ${name} is restricted.`,
      );
      return;
    }
    const commit = repo.commits[rest] === undefined ? repo.refs[rest] : rest;
    const files = commit === undefined ? undefined : repo.commits[commit];
    if (commit === undefined || files === undefined) {
      refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${rest}`);
    } else if (kind === 'revision') sendJson(response, infoOf(name, commit, files));
    else if (kind === 'tree') this.#sendTree(url, files, response);
    else this.#sendFile(call, commit, files[file?.[3] ?? ''], response);
  }

  #sendTree(url: URL, files: Readonly<Record<string, StubFile>>, response: ServerResponse): void {
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const entries = Object.entries(files).map(([path, each]) => entryOf(path, each));
    const end = start + this.pageSize;
    if (end < entries.length) {
      url.searchParams.set('cursor', String(end));
      response.setHeader('link', `<${url.href}>; rel="next"`);
    }
    sendJson(response, entries.slice(start, end));
  }

  #sendFile({ method }: StubCall, commit: string, file: StubFile | undefined, response: ServerResponse): void {
    if (file === undefined) {
      refuse(response, 404, 'EntryNotFound', 'Entry not found');
      return;
    }
    const { bytes, isLarge } = file;
    response.setHeader('x-repo-commit', commit);
    if (isLarge) {
      const headers = { 'x-linked-etag': `"${sha256(bytes)}"`, 'x-linked-size': bytes.length };
      response.writeHead(302, { ...headers, location: `${this.contentUrl}/${sha256(bytes)}?signature=1` }).end();
      return;
    }
    response.writeHead(200, { etag: `"${gitHash(bytes)}"`, 'content-length': bytes.length });
    response.end(method === 'HEAD' ? undefined : bytes);
  }

  async #answerContent({ method, path, headers }: StubCall, response: ServerResponse): Promise<void> {
    const files = [...this.repos.values()].flatMap(({ commits }) =>
      Object.values(commits).flatMap(Object.values<StubFile>),
    );
    const found = files.find(({ bytes, isLarge }) => isLarge && path.startsWith(`/${sha256(bytes)}?`));
    if (found === undefined) {
      refuse(response, 403, 'AccessDenied', 'no such signature');
      return;
    }
    const etag = `"of-${sha256(found.bytes).slice(0, 8)}"`;
    await this.sendRange(headers, found.bytes, etag, response, method === 'HEAD');
  }

  /** Sends bytes as a content host does: those of a range, unless `If-Range` names others, in pieces, up to the next cut. */
  async sendRange(
    headers: StubCall['headers'],
    bytes: Uint8Array,
    etag: string,
    response: ServerResponse,
    isHead = false,
  ) {
    const ifRange = headers['if-range'];
    const isWanted = ifRange === undefined || ifRange === etag;
    const start = isWanted ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
    if (start >= bytes.length && start > 0) {
      refuse(response, 416, '', 'range');
      return;
    }
    const isPart = isWanted && headers.range !== undefined;
    const range = isPart ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(isPart ? 206 : 200, { ...range, etag, 'content-length': bytes.length - start });
    if (isHead) {
      response.end();
      return;
    }
    const end = Math.min(bytes.length, start + (this.cuts.shift() ?? Number.POSITIVE_INFINITY));
    const piece = Math.ceil(bytes.length / 16);
    for (let at = start; at < end && !response.destroyed; at += piece) {
      response.write(bytes.subarray(at, Math.min(end, at + piece)));
      await setTimeout(this.pause);
    }
    if (end === bytes.length) response.end();
    else {
      do
        await setTimeout(20); // what was written arrives first
      while (!this.isRead());
      response.destroy();
    }
  }
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return `http://127.0.0.1:${address.port}`;
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { ...(code === '' ? {} : { 'x-error-code': code }), 'x-error-message': message })
    .end(message);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
}

function infoOf(name: string, commit: string, files: Readonly<Record<string, StubFile>>) {
  const siblings = Object.keys(files).map((rfilename) => ({ rfilename }));
  const counts = { likes: 1, downloads: 1, lastModified: '2024-02-19T10:57:45.000Z', tags: [] };
  return { _id: '621ffdc036468d709f17434d', id: name, sha: commit, private: false, gated: false, siblings, ...counts };
}

function entryOf(path: string, file: StubFile) {
  const size = file.bytes.length;
  if (!file.isLarge) return { type: 'file', oid: hashOf(file), size, path };
  return {
    type: 'file',
    oid: gitHash(file.bytes.subarray(0, 100)),
    size,
    path,
    lfs: { oid: hashOf(file), size, pointerSize: 134 },
  };
}
