// A process that runs jobs, from outside: it answers one message at a time, and keeps this process alive only meanwhile.
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeviceOptions } from '../gpu/device-options.ts';
import { GpuError } from '../gpu/errors.ts';
import type { Job, JobResult, SizedRunner } from './job.ts';
import type { FromProcess, ToProcess } from './job-process.ts';

/** Runner of jobs on a device of another process. */
export class ProcessRunner implements SizedRunner {
  readonly minSubgroupSize: number;
  readonly #child: ChildProcess;
  /** Ends with the last message that was sent. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, minSubgroupSize: number) {
    this.#child = child;
    this.minSubgroupSize = minSubgroupSize;
  }

  /**
   * Starts a process with a device.
   *
   * @param env variables besides those of this process.
   * @throws GpuError when it does not open the device.
   */
  static async start(options: DeviceOptions, env: Readonly<Record<string, string>>): Promise<ProcessRunner> {
    const { url } = import.meta;
    const file = new URL(`./job-process${extname(url)}`, url); // .ts here, .js in the package
    const child = fork(fileURLToPath(file), {
      execArgv: [],
      env: { ...process.env, ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const reply = await ask(child, { open: options }).catch((error) => {
      child.kill();
      throw error;
    });
    if ('minSubgroupSize' in reply) return new ProcessRunner(child, reply.minSubgroupSize);
    child.kill();
    throw new GpuError('device of another process', 'failure' in reply ? reply.failure : 'no answer');
  }

  async run(job: Job): Promise<JobResult> {
    const reply = this.#last.then(() => ask(this.#child, { job }));
    this.#last = reply.catch(() => {});
    const outcome = await reply;
    if ('result' in outcome) return outcome.result;
    throw new GpuError(job.spec.name, 'failure' in outcome ? outcome.failure : 'no answer');
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Sends a message and waits for its answer. */
async function ask(child: ChildProcess, message: ToProcess): Promise<FromProcess> {
  child.ref();
  child.channel?.ref();
  const { promise, resolve, reject } = Promise.withResolvers<FromProcess>();
  const onEnd = (code: number | null) =>
    reject(new GpuError('device of another process', `it ended with code ${code}`));
  child.once('message', resolve);
  child.once('exit', onEnd);
  child.once('error', reject);
  try {
    child.send(message);
    return await promise;
  } finally {
    child.off('message', resolve);
    child.off('exit', onEnd);
    child.off('error', reject);
    child.unref();
    child.channel?.unref();
  }
}
