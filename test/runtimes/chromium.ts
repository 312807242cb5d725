// The page in a headless Chromium, whose WebGPU is then SwiftShader's: it is built, served from a directory, started by its button, and
// its saved report is read.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { AdapterReport } from '../../bench/page/examine.ts';
import { HEADLESS, type Playwright } from './tools.ts';

/** Without a GPU, Chromium offers WebGPU by SwiftShader, and only if it is told that this is meant. */
const ARGUMENTS = [...HEADLESS, '--enable-unsafe-webgpu'];
const VIEWPORT = { width: 1000, height: 800 };
/** Against hangs only. */
const TIMEOUT = 280_000;
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };

/** Report of the page, and what it said. */
export interface PageRun {
  readonly report: AdapterReport;
  readonly verdict: string;
}

/** Builds the page into a directory. */
function buildPage(directory: string): void {
  const { status, stderr } = spawnSync(process.execPath, ['bench/build-page.ts', '--out', directory], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the page was not built: ${stderr}`);
}

/** Serves the files of a directory on a free port of this machine. */
async function serve(directory: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(({ url = '/' }, response) => {
    const name = new URL(url, 'http://localhost').pathname.slice(1) || 'index.html';
    try {
      const body = readFileSync(join(directory, name.replaceAll('..', '')));
      response.writeHead(200, { 'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://localhost:${port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Runs the page in both colour schemes' screenshots and one examination. */
export async function runPage({ chromium }: Playwright, executablePath: string, directory: string): Promise<PageRun> {
  buildPage(directory);
  await using server = await serve(directory);
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  try {
    const page = await browser.newPage({ colorScheme: 'dark', viewport: VIEWPORT });
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(`${server.url}?variants=base`);
    await page.screenshot({ path: join(directory, 'before.png'), fullPage: true });
    await page.click('#start');
    await page.waitForSelector('#verdict:not([hidden])', { timeout: TIMEOUT });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(directory, `${colorScheme}.png`), fullPage: true });
    }
    const verdict = (await page.textContent('#verdict')) ?? '';
    if (faults.length > 0) throw new Error(`the page failed: ${faults.join('; ')}`);
    const download = page.waitForEvent('download');
    await page.click('#save');
    const report: AdapterReport = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
    return { report, verdict };
  } finally {
    await browser.close();
  }
}
