// The commands of docs/scaling.md, executed in their order in an empty folder, section by section, with servers on free ports.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readResults, writeCalls } from '../support/batch-kills.ts';
import { freePort } from '../support/free-port.ts';
import { hasNatsServer, NatsServer } from '../support/queue/nats-server.ts';
import { startWorker } from '../support/queue/start-worker.ts';
import { runShell, shellProgram } from '../support/run-shell.ts';
import { NGINX_CONFIGURATION } from '../support/server/router-settings.ts';
import { hasRouter } from '../support/server/routers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ROOT, readDocument } from './documents.ts';

const URL_OF_PAGE = 'nats://127.0.0.1';
const WORKER = `npx roseinfer worker --queue ${URL_OF_PAGE} &`;
const SERVER = 'nats-server --jetstream --store_dir queue &';

/** The lines of the shell block under a heading. */
function linesOf(title: string): string[] {
  const { text } = readDocument('docs/scaling.md');
  const [, section = ''] = text.split(`\n## ${title}\n`);
  const [, block = ''] = /^```sh\n(.*?)\n```$/ms.exec(section.split('\n## ')[0] ?? '') ?? [];
  return block.split('\n');
}

/** Runs lines, of which some stay in the background, with free ports in place of the page's; ends all that they started. */
async function runLines(lines: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = temporaryDirectory();
  const ports = await Promise.all(['8000', '8001', '8002'].map(async (port) => [port, await freePort()] as const));
  const moved = (text: string) =>
    ports.reduce((changed, [port, free]) => changed.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `${free}`), text);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), moved(text));
  symlinkSync(join(ROOT, 'weights'), join(directory, 'weights'));
  const metrics = `--prometheus-port ${await freePort()} --prometheus-host`;
  const program = shellProgram(moved(lines.join('\n')));
  const text = program.replaceAll('router/bin/smg', 'smg').replaceAll('--prometheus-host', metrics);
  const child = spawn('bash', ['-c', text], { cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  try {
    const [status] = await once(child, 'exit');
    expect(status).toBe(0);
    return output;
  } finally {
    process.kill(-child.pid!, 'SIGKILL');
    // A daemon that the lines have not stopped.
    const pid = join(directory, 'nginx.pid');
    if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')));
  }
}

test.skipIf(!hasNatsServer)(
  'the commands that fill and empty a queue, for which this machine needs nats-server, give every result',
  async () => {
    const directory = temporaryDirectory();
    writeCalls(join(directory, 'calls.jsonl'), 20, 4);
    const [install, server, ...others] = linesOf('A file by many workers');
    expect([install, server]).toEqual(['apt-get install nats-server', SERVER]);
    await using nats = await NatsServer.start();
    const workers = others.filter((line) => line === WORKER);
    expect(workers.length).toBeGreaterThan(1);
    await Promise.all(workers.map(() => startWorker(nats.url)));
    for (const line of others.filter((each) => each !== WORKER)) {
      const { status, stderr } = runShell(line.replaceAll(URL_OF_PAGE, nats.url), directory);
      expect({ line, status }, stderr).toEqual({ line, status: 0 });
    }
    expect(readResults(join(directory, 'results.jsonl'))).toHaveLength(20);
  },
);

test.skipIf(!hasRouter.smg)(
  "the commands that put replicas behind sglang's router, for which this machine needs smg, give an answer",
  { tags: ['slow'] },
  async () => {
    const [environment, install, ...lines] = linesOf('Replicas behind a router');
    expect(environment).toBe('python3 -m venv router');
    expect(install).toBe('router/bin/pip install sglang-router==0.3.2');
    expect(await runLines(lines)).toContain('"object":"text_completion"');
  },
);

test.skipIf(!hasRouter.nginx)(
  'the commands that put replicas behind nginx, for which this machine needs it, give an answer',
  { tags: ['slow'] },
  async () => {
    const [install, ...lines] = linesOf('Replicas behind nginx');
    expect(install).toBe('apt-get install nginx-light');
    const output = await runLines(lines, { 'replicas.conf': NGINX_CONFIGURATION });
    expect(output).toContain('"object":"text_completion"');
  },
);
