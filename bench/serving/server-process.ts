// A server in a process of its own, as in use, whose engine also runs requests without HTTP: the same process, engine and threads.
import { type ChildProcess, fork } from 'node:child_process';
import { ServerError } from './server-error.ts';
import type { EngineRun, Order, Reply, RequestBatch, ServerJob, StartedServer } from './server-job.ts';

/** Process with a server. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #kill = () => this.#child.kill('SIGKILL');
  #started: StartedServer | null = null;

  private constructor(signal: AbortSignal) {
    const script = new URL('./serve-job.ts', import.meta.url);
    this.#child = fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#signal = signal;
    signal.addEventListener('abort', this.#kill);
  }

  /**
   * Starts a server, whose process ends when the signal aborts.
   *
   * @throws ServerError for a model that can't be loaded, and the signal's reason.
   */
  static async start(job: ServerJob, signal: AbortSignal): Promise<ServerProcess> {
    signal.throwIfAborted();
    const server = new ServerProcess(signal);
    try {
      const reply = await server.#ask({ kind: 'start', job });
      if (reply.kind === 'start') server.#started = reply.server;
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The server as it started. */
  get server(): StartedServer {
    if (this.#started === null) throw new ServerError('server has not started');
    return this.#started;
  }

  /** Runs requests on the engine, without HTTP. @throws ServerError for one that fails. */
  async run(batch: RequestBatch): Promise<EngineRun> {
    const reply = await this.#ask({ kind: 'run', batch });
    if (reply.kind !== 'run') throw new ServerError(`process answers ${reply.kind}, expected run`);
    return reply.run;
  }

  /** Reads the processor time of all its threads, in milliseconds. */
  async processorTime(): Promise<number> {
    const reply = await this.#ask({ kind: 'processor' });
    if (reply.kind !== 'processor') throw new ServerError(`process answers ${reply.kind}, expected processor`);
    return reply.milliseconds;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#signal.removeEventListener('abort', this.#kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    this.#kill();
    await exited;
  }

  #ask(order: Order): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const onExit = (code: number | null, killedBy: string | null) => {
      const ended = new ServerError(`process of the server ended with ${killedBy ?? code}`);
      reject(this.#signal.aborted ? this.#signal.reason : ended);
    };
    this.#child.once('exit', onExit);
    this.#child.once('message', (reply: Reply) => {
      if (reply.kind === 'fault') reject(new ServerError(reply.message));
      else resolve(reply);
    });
    this.#child.send(order, (error) => {
      if (error !== null) reject(new ServerError('process of the server has ended', { cause: error }));
    });
    return promise.finally(() => this.#child.off('exit', onExit));
  }
}
