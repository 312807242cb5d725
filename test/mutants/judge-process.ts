// A process for judging mutants: a shader that hangs or crashes its driver costs the process, not the run.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ReductionClass } from '../../src/gpu/reduction.ts';
import type { Verdict } from './verdict.ts';

const SCRIPT = fileURLToPath(new URL('./judge.ts', import.meta.url));
/** Several times what the slowest table takes when all its variants must be compiled, in milliseconds. */
const TIME_LIMIT = 120_000;

/** A process that judges shaders one by one and is replaced when one of them hangs or crashes it. */
export class JudgeProcess {
  readonly #args: readonly string[];
  #child: ChildProcess | null = null;

  /** @param reduction class of the device that the tables run on; the adapter's own when absent. */
  constructor(reduction?: ReductionClass) {
    this.#args = reduction === undefined ? [] : [reduction];
  }

  /** Runs the tables of a shader with another text in its place. */
  async judge(shader: string, source: string): Promise<Verdict> {
    // Drivers print warnings, and mutants make them print more.
    this.#child ??= fork(SCRIPT, this.#args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const child = this.#child;
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const end = (reason: string) => {
      this.close();
      resolve({ state: 'killed', reason });
    };
    const timer = setTimeout(end, TIME_LIMIT, `nothing after ${TIME_LIMIT / 1000} s`);
    const onExit = () => end('the process died');
    child.once('message', resolve);
    child.once('exit', onExit);
    child.send([shader, source]);
    const verdict = await promise;
    clearTimeout(timer);
    child.off('message', resolve).off('exit', onExit);
    return verdict;
  }

  /** Ends the process, busy or not; idempotent. */
  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
