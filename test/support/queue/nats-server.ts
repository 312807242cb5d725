// A NATS server of a test: a process on a free port of loopback, which can be killed and started again on what it had on the disk.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const PROGRAM = 'nats-server';

/** Whether a server can be started here; where it is not, tests of a queue say so and are skipped. */
export const hasNatsServer = spawnSync(PROGRAM, ['--version']).status === 0;

/** A server. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly directory = temporaryDirectory();
  readonly #words: readonly string[];
  #child: ChildProcess | null = null;

  private constructor(port: number, words: readonly string[]) {
    this.port = port;
    this.#words = words;
  }

  /** Starts a server. @param words further words of its command line. */
  static async start(...words: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), words);
    await server.begin();
    return server;
  }

  /** Its address. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it, on the messages that it had. */
  async begin(): Promise<void> {
    const own = ['--addr', '127.0.0.1', '--port', String(this.port), '--store_dir', join(this.directory, 'store')];
    const child = spawn(PROGRAM, ['--jetstream', ...own, ...this.#words], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let log = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        log += chunk;
        if (log.includes('Server is ready')) resolve();
      });
      child.once('exit', () => reject(new Error(`${PROGRAM}: ${log}`)));
    });
  }

  /** Kills it. @param forget takes what it had on the disk away. */
  async kill({ forget = false } = {}): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    if (forget) await rm(join(this.directory, 'store'), { recursive: true });
    await setTimeout(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
