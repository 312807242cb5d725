// Parent of a child process: native code that crashes or hangs costs one engine of the comparison, not the whole.
import { fork } from 'node:child_process';
import { PeerError } from './peer-error.ts';

/** Message of a child process. */
export type ChildMessage<R> = { readonly result: R } | { readonly error: string } | { readonly done: true };

/** Environment, limits and callback of a child process. */
export interface ChildOptions<R> {
  /** Variables added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  /** Receives each result as it comes, one after another: those before a failure count. */
  readonly onResult: (result: R) => void | Promise<void>;
}

/** Last characters of a child's stderr, kept to find the reason of a failure. */
const KEPT_STDERR = 4096;

/**
 * Runs a script that calls `answerJob` in a process of its own, with one job, until it is done.
 *
 * @throws PeerError when it reports an error, crashes or takes too long; the signal's reason; what `onResult` throws.
 */
export async function runChild<J extends object, R>(script: URL, job: J, options: ChildOptions<R>): Promise<void> {
  const { env = {}, timeoutSeconds, signal, onResult } = options;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = fork(script, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr = (stderr + data).slice(-KEPT_STDERR);
  });
  let taken: Promise<void> = Promise.resolve();
  child.on('message', (message: ChildMessage<R>) => {
    if ('result' in message) {
      taken = taken.then(() => onResult(message.result));
      taken.catch(reject);
    } else if ('error' in message) reject(new PeerError(message.error));
    else resolve();
  });
  child.on('error', reject);
  child.on('exit', (code, killedBy) => {
    const [lastLine] = stderr.trim().split('\n').slice(-1);
    reject(new PeerError(`its process ended with ${killedBy ?? code}${lastLine ? `: ${lastLine}` : ''}`));
  });
  const timer = setTimeout(() => reject(new PeerError(`not done after ${timeoutSeconds} s`)), 1000 * timeoutSeconds);
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  child.send(job);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    if (child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((ended) => child.once('exit', ended));
      child.kill('SIGKILL');
      await exited;
    }
    await taken;
  }
}
