// The files of the server's page, which stand in the package: served as they are, under a policy that lets them load nothing else.
import { readFile } from 'node:fs/promises';
import { packageFile } from '../../util/package-file.ts';
import { ApiError } from '../api-error.ts';
import type { Call, Serving } from '../serving.ts';

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

/** The place and type of each file, by its name in the page. */
const FILES: Readonly<Record<string, readonly [place: () => URL, type: string]>> = {
  'index.html': [() => packageFile('page/index.html'), 'text/html; charset=utf-8'],
  'page.css': [() => packageFile('page/page.css'), CSS],
  'page.js': [() => packageFile('page/page.js'), JAVASCRIPT],
  'playground.js': [() => packageFile('page/playground.js'), JAVASCRIPT],
  'live.js': [() => packageFile('page/live.js'), JAVASCRIPT],
  'key.js': [() => packageFile('page/key.js'), JAVASCRIPT],
  'icon.svg': [() => packageFile('page/icon.svg'), 'image/svg+xml'],
  'uplot.js': [() => new URL(import.meta.resolve('uplot/dist/uPlot.esm.js')), JAVASCRIPT],
  'uplot.css': [() => new URL(import.meta.resolve('uplot/dist/uPlot.min.css')), CSS],
};

const POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** Answers `/`. */
export function index(_: Serving, call: Call): Promise<Response> {
  return fileAnswer(call, 'index.html');
}

/** Answers `/page/{file}`. */
export function pageFile(_: Serving, call: Call): Promise<Response> {
  return fileAnswer(call, call.req.param('file') ?? '');
}

async function fileAnswer(call: Call, name: string): Promise<Response> {
  const found = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (found === undefined) {
    throw new ApiError(404, 'path is unknown, expected one of those in docs/server.md', { code: 'not_found' });
  }
  const [place, type] = found;
  const headers = { 'content-type': type, 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' };
  return call.body(await readFile(place(), 'utf8'), 200, headers);
}
