// Replicas, and routers that others keep before them: processes on free ports of loopback, which are killed with what holds them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { type StubHandler, sendJson } from './stub-server.ts';

/** Whether a router can be started here; where it is not, tests say so and are skipped. */
export const hasRouter = {
  smg: spawnSync('smg', ['--help']).status === 0,
  nginx: spawnSync('nginx', ['-v']).status === 0,
} as const;

/** Answers of a stub by which a router knows a replica. */
export const REPLICA_FACTS: Readonly<Record<string, StubHandler>> = Object.fromEntries(
  ['/health', '/server_info', '/model_info'].map((path): [string, StubHandler] => [
    path,
    (_, response) => sendJson(response, { served_model_name: 'tales', model_path: 'tales' }),
  ]),
);

/** A server in a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;

  constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Starts a replica whose ids need no model. */
export async function startReplica(fingerprint: string): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['test/support/server/replica.ts', fingerprint], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface(child.stdout)) return new ServerProcess(line, child);
  throw new Error('the replica has not started');
}

/** Starts sglang-router before replicas, as a command line of a document does, and waits until it knows them all. */
export async function startSmg(replicas: readonly string[], flags: readonly string[]): Promise<ServerProcess> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const own = ['--host', '127.0.0.1', '--port', String(port), '--prometheus-host', '127.0.0.1'];
  const rest = ['--prometheus-port', String(metricsPort), ...flags, '--worker-urls', ...replicas];
  const child = spawn('smg', ['launch', ...own, ...rest], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, async () => {
    const known = await (await fetch(`${url}/workers`)).text();
    return known.split('"is_healthy":true').length > replicas.length;
  });
  return new ServerProcess(url, child);
}

/** Starts nginx on a configuration that listens at port 8000 and names replicas at 8001 and 8002 in one line each, with others in their place. */
export async function startNginx(configuration: string, replicas: readonly string[]): Promise<ServerProcess> {
  const port = await freePort();
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const servers = replicas.map((url) => `    server ${new URL(url).host} max_fails=1 fail_timeout=5s;`).join('\n');
  const text = configuration.replace(/^ *server 127\.0\.0\.1:8001.*\n.*$/m, servers).replace(':8000;', `:${port};`);
  writeFileSync(join(directory, 'replicas.conf'), text);
  const words = ['-p', directory, '-e', 'error.log', '-c', 'replicas.conf', '-g', 'daemon off; master_process off;'];
  const child = spawn('nginx', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, async () => (await fetch(`${url}/health`)).ok);
  return new ServerProcess(url, child);
}

async function untilReady(child: ChildProcess, isReady: () => Promise<boolean>): Promise<void> {
  while (!(await isReady().catch(() => false))) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    await setTimeout(50);
  }
}
