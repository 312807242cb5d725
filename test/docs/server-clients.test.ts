// Every program, command and configuration for clients of a server that a document prints, against a server as a user starts it.
// @module-tag sweep
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkPackage } from '../package/packed-package.ts';
import { parsePrometheus } from '../support/server/prometheus-text.ts';
import { startProcess } from '../support/server/serve-process.ts';
import { clientExamples, ROOT, readDocument, SERVER_URL, shellLines } from './documents.ts';

const KEY = 'key-of-tests';
const folder = mkdtempSync(join(tmpdir(), 'roseinfer-clients-'));
let open: Awaited<ReturnType<typeof startProcess>>;
let closed: Awaited<ReturnType<typeof startProcess>>;

beforeAll(async () => {
  for (const name of ['openai', 'ai', '@ai-sdk/openai-compatible', 'zod']) linkPackage(name, folder);
  symlinkSync(ROOT, join(folder, 'node_modules/roseinfer'));
  [open, closed] = await Promise.all([
    startProcess([]),
    startProcess(['--allowed-hosts', 'llm.example'], { ROSEINFER_API_KEY: KEY }),
  ]);
});

afterAll(() => {
  for (const { child } of [open, closed]) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Runs a command in the folder, with the server's own address. */
function run(command: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the program runs that is printed in', () => {
  test.each(clientExamples)('$place', ({ file, code, prints }) => {
    writeFileSync(join(folder, file), code.replaceAll(SERVER_URL, open.url));
    const { status, stdout, stderr } = run(process.execPath, [file]);
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).not.toBe('');
    if (prints !== null) expect(stdout).toBe(prints);
  });
});

describe('the command gets an answer that is printed as', () => {
  const lines = shellLines.filter(({ line }) => line.startsWith('curl '));

  test.each(lines)('$line', ({ line }) => {
    const { status, stdout, stderr } = run('bash', [
      '-c',
      line.replace(/^curl /, 'curl -sS --fail-with-body ').replaceAll(SERVER_URL, open.url),
    ]);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(line.includes('"stream": true') ? /^data: .*\n\ndata: \[DONE\]\n\n$/s : /^\{.*\}$/s);
  });

  test('… and would be found failing', () => {
    const { status, stdout } = run('bash', ['-c', `curl -sS --fail-with-body ${closed.url}/v1/models`]);
    expect(status).toBe(22);
    expect(stdout).toContain('invalid_api_key');
  });
});

/** The block of a language in docs/server.md. */
function blockOf(language: string): string {
  return readDocument('docs/server.md').blocks.find((block) => block.language === language)?.code ?? '';
}

test('the configuration of nginx: what it passes on is served, under the name that the server was told', async () => {
  const block = blockOf('nginx');
  const directives = new Map(
    [...block.matchAll(/^ *(\w+(?: [A-Z]\w+)?) (.+);$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  // Every line is a directive or a bracket.
  expect(block.split('\n').filter((line) => !/^ *(?:.*;|\w+(?: \/)? \{|\}|)$/.test(line))).toEqual([]);
  expect(directives.get('proxy_pass')).toBe(SERVER_URL);
  expect(directives.get('proxy_set_header Host')).toBe('$host');
  expect(directives.get('proxy_buffering')).toBe('off');
  const name = directives.get('server_name') ?? '';
  // A proxy that does as the directives say.
  const proxyTo = async (url: string) => {
    const server = createServer((incoming, outgoing) => {
      const headers = { ...incoming.headers, host: name, connection: 'keep-alive' };
      const passed = request(url + incoming.url, { method: incoming.method ?? 'GET', headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(passed);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as AddressInfo;
    return { server, url: `http://127.0.0.1:${address.port}` };
  };
  const call = (url: string) =>
    fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, origin: `https://${name}` },
      body: JSON.stringify({ prompt: 'Once', max_tokens: 4, stream: true }),
    });
  const [told, untold] = [await proxyTo(closed.url), await proxyTo(open.url)];
  const answer = await call(told.url);
  expect(answer.headers.get('x-accel-buffering')).toBe('no');
  expect(await answer.text()).toMatch(/data: \[DONE\]\n\n$/);
  expect((await call(untold.url)).status).toBe(403);
  for (const { server } of [told, untold]) server.close().closeAllConnections();
});

test('the configuration of Prometheus: its target, with the key, answers as a strict scraper needs', async () => {
  const block = blockOf('yaml');
  expect(block).toContain(`targets: ['${SERVER_URL.replace('http://', '')}']`);
  expect(block).toContain('credentials_file:');
  const scrape = (headers: Record<string, string>) => fetch(`${closed.url}/metrics`, { headers });
  expect((await scrape({})).status).toBe(401);
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
  const answer = await scrape({ authorization: `Bearer ${KEY}`, accept });
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(parsePrometheus(await answer.text()).samples.length).toBeGreaterThan(100);
});
