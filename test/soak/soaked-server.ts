// The server of a soak: a process of its own, with a meter in it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LoopReport } from './loop-report.ts';

const BYTES_PER_KIB = 1024;
/**
 * V8 keeps garbage until its heap is full, and makes the heap larger for minutes: one of this size, in MiB, is full soon, so that resident
 * memory is what somebody holds.
 */
const HEAP_MIB = 64;
const NODE_ARGV = [`--max-old-space-size=${HEAP_MIB}`, '--expose-gc', '--import', './test/soak/loop-meter.ts'];

/** A server that can be asked, and stopped. */
export class SoakedServer {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.url = url;
    this.#child = child;
  }

  /** Starts a server of a model. @throws Error when it ends before it serves. */
  static async start(model: string): Promise<SoakedServer> {
    const argv = [...NODE_ARGV, 'src/cli/roseinfer.js', 'serve', model, '--port', '0', '--log-level', 'warn'];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    for await (const line of createInterface(child.stderr!)) {
      const url = /^serving .* at (http:\S+)/.exec(line)?.[1];
      if (url === undefined) continue;
      child.stderr!.resume();
      return new SoakedServer(child, url);
    }
    throw new Error('the server has not started');
  }

  /** Memory of the process; 0 where the system has no /proc. */
  get residentBytes(): number {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * BYTES_PER_KIB;
    } catch {
      return 0;
    }
  }

  /** Asks the meter for what it has seen since it was asked last. */
  async report(): Promise<LoopReport> {
    const answer = once(this.#child, 'message');
    this.#child.send('report');
    const [report]: LoopReport[] = await answer;
    return report!;
  }

  /** Sums the values of a metric whose line begins so. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Stops it by a signal; returns its exit code. */
  async stop(): Promise<number | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    this.#child.kill('SIGTERM');
    const [code] = await once(this.#child, 'exit');
    return code;
  }
}
