// Pages of other sites in a real Chromium, and a name of such a site that points at this machine: nothing that they send is served, and
// nothing can be read. The same pages are served once the server is told of them, which shows that each attempt is a real one.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ServerOptions } from '../../src/server/server-options.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, startTestServer } from '../support/server/test-server.ts';
import { HEADLESS, type Page, type Playwright } from './tools.ts';

/** Calls that an attempt makes, with their statuses, and ` read` where the page reads an answer. */
interface Attempt {
  /** Methods of a page that the server was not told of: all are refused with 403, unread. */
  readonly foreign: string;
  /** A page of `cors`. */
  readonly allowed: string;
  /** A page of the server itself, by an address that is one of it. */
  readonly own: string;
}

const SAFE = { foreign: 'GET', allowed: 'GET 200 read', own: 'GET 200 read' };
/** Told from a foreign page's by `Sec-Fetch-Site` alone: the browser names no origin. */
const ELEMENT = { foreign: 'GET', allowed: 'GET 403', own: 'GET 200' };
/** A second wall: a content type that a page may send without asking. */
const TEXT = { foreign: 'POST', allowed: 'POST 415', own: 'POST 415' };

const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  'fetch of models': SAFE,
  'fetch of metrics': SAFE,
  'fetch of health': SAFE,
  'fetch that asks for no answer': { ...ELEMENT, own: SAFE.own },
  'JSON in text/plain': { foreign: 'POST', allowed: 'POST 415 read', own: 'POST 415 read' },
  'JSON in text/plain that asks for no answer': { ...TEXT, own: 'POST 415 read' },
  'JSON in a blob that asks for no answer': { ...TEXT, own: 'POST 415 read' },
  JSON: { foreign: 'OPTIONS', allowed: 'OPTIONS 204, POST 200 read', own: 'POST 200 read' },
  'JSON behind a redirection': { foreign: 'POST', allowed: 'POST 415 read', own: 'POST 404 read' },
  'delete of a response': { foreign: 'OPTIONS', allowed: 'OPTIONS 204, DELETE 404 read', own: 'DELETE 404 read' },
  'abort of a call': { foreign: 'POST', allowed: 'POST 404', own: 'POST 404 read' },
  'beacon of text': TEXT,
  // A beacon has credentials, which no page of another origin may send.
  'beacon of JSON': { foreign: 'OPTIONS', allowed: 'OPTIONS 204', own: 'POST 200' },
  'form of text': TEXT,
  'form in a query': { foreign: 'GET', allowed: 'GET 403', own: 'GET 405' },
  script: ELEMENT,
  module: { foreign: 'GET', allowed: 'GET 200', own: 'GET 200' },
  image: ELEMENT,
  style: ELEMENT,
  frame: { ...ELEMENT, own: SAFE.own },
  events: { foreign: 'GET', allowed: 'GET 200', own: 'GET 200' },
  'web socket': { foreign: 'GET', allowed: 'GET 200', own: 'GET 200' },
};

/** What is expected of an attempt, by whose page it is. */
const EXPECTED = {
  foreign: ({ foreign }: Attempt) => `${foreign} 403`,
  allowed: ({ allowed }: Attempt) => allowed,
  own: ({ own }: Attempt) => own,
  // To the browser it is the server's own page, which may send and read, but only refusals.
  rebound: ({ own }: Attempt) => own.replaceAll(/\d{3}/g, '403'),
} as const;
type Visitor = keyof typeof EXPECTED;

/** Time that a call may take from the browser to the server's log, in milliseconds. */
const TIMEOUT = 5000;
const SCRIPT = readFileSync(join(import.meta.dirname, 'foreign-page.js'), 'utf8');
/** Names of other sites; all of them are this machine. */
const [EVIL, REBOUND] = ['evil.example', 'rebound.example'];
const ARGUMENTS = [...HEADLESS, '--no-proxy-server', '--host-resolver-rules=MAP *.example 127.0.0.1'];

/** A server, the calls that it has answered, and the steps that it has computed. */
interface Target extends AsyncDisposable {
  readonly url: string;
  readonly port: string;
  /** Method and status of each call. */
  readonly calls: () => string[];
  readonly numSteps: () => number;
}

async function startTarget(options: Partial<ServerOptions> = {}): Promise<Target> {
  const runner = new FakeRunner(SERVER_LIMITS);
  const server = await startTestServer({ runner, options });
  const calls = () => {
    const lines = server.lines.map((line): { msg: string; method: string; status: number } => JSON.parse(line));
    return lines.filter(({ msg }) => msg === 'call').map(({ method, status }) => `${method} ${status}`);
  };
  return {
    url: server.url,
    port: new URL(server.url).port,
    calls,
    numSteps: () => runner.plans.length,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Serves an empty page of another site; `/sandbox` is one without an origin, and `/redirect` sends calls on to the target. */
async function startSite(target: () => string): Promise<AsyncDisposable & { readonly port: number }> {
  const site = createServer(({ url }, response) => {
    if (url === '/redirect') {
      response.writeHead(307, { location: `${target()}/v1/completions`, 'access-control-allow-origin': '*' }).end();
      return;
    }
    const policy = url === '/sandbox' ? { 'content-security-policy': 'sandbox allow-scripts allow-forms' } : {};
    response.writeHead(200, { 'content-type': 'text/html', ...policy }).end('<!doctype html><body>');
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  const address = site.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      site.closeAllConnections();
      site.close();
    },
  };
}

/** Waits for a number of calls, or for a time in milliseconds. */
async function hasCalls({ calls }: Target, count: number, timeout: number): Promise<void> {
  const end = performance.now() + timeout;
  while (calls().length < count && performance.now() < end) await setTimeout(2);
}

/** Lets a page try all ways; returns those that went otherwise than expected. */
async function tryAll(
  page: Page,
  target: Target,
  expected: (attempt: Attempt) => string,
  own: string,
): Promise<string[]> {
  const faults: string[] = [];
  await page.evaluate(SCRIPT);
  for (const [way, attempt] of Object.entries(ATTEMPTS)) {
    const [wanted, begin] = [expected(attempt), target.calls().length];
    const text = await page.evaluate(`attempt(${[way, target.url, own].map((each) => JSON.stringify(each)).join()})`);
    await hasCalls(target, begin + wanted.split(', ').length, TIMEOUT);
    const found = `${target.calls().slice(begin).join(', ')}${text === '' ? '' : ' read'}`;
    if (found !== wanted) faults.push(`${way}: ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
  }
  return faults;
}

/** Lets foreign pages and a rebound name try to reach a server. @throws Error with what was served, read, or not even tried. */
export async function tryForeignPages({ chromium }: Playwright, executablePath: string): Promise<string> {
  let current = '';
  await using site = await startSite(() => current);
  const origin = `http://${EVIL}:${site.port}`;
  await using target = await startTarget();
  await using open = await startTarget({ cors: [origin], allowedHosts: [REBOUND] });
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  const faults: string[] = [];
  const visit = async (url: string, at: Target, column: Visitor) => {
    const page = await browser.newPage();
    const isOwn = column === 'own' || column === 'rebound';
    current = at.url;
    const begin = at.calls().length;
    await page.goto(url);
    // The browser asks for an icon of each page, too.
    if (isOwn) await hasCalls(at, begin + 2, TIMEOUT);
    const { origin: own } = new URL(url);
    const found = await tryAll(page, isOwn ? { ...at, url: own } : at, EXPECTED[column], own);
    faults.push(...found.map((fault) => `page ${column} at ${url}: ${fault}`));
    await page.close();
  };
  try {
    for (const path of ['', '/sandbox']) await visit(`${origin}${path}`, target, 'foreign');
    // Another port of the same machine is of the same site, and another origin.
    await visit(`http://127.0.0.1:${site.port}`, target, 'foreign');
    await visit(`http://${REBOUND}:${target.port}/health`, target, 'rebound');
    if (target.numSteps() !== 0) faults.push(`foreign pages had ${target.numSteps()} steps computed, expected 0`);
    await visit(origin, open, 'allowed');
    await visit(`http://${REBOUND}:${open.port}/health`, open, 'own');
    await visit(`${target.url}/health`, target, 'own');
    if (open.numSteps() === 0 || target.numSteps() === 0) faults.push('pages that are allowed had no step computed');
  } finally {
    await browser.close();
  }
  if (faults.length > 0) throw new Error(`\n${faults.join('\n')}`);
  const numWays = Object.keys(ATTEMPTS).length;
  return `each of ${numWays} ways is refused to three foreign pages and a rebound name, and open to pages that are allowed`;
}
