// Does a server stay well for long? Many clients stream from it at once and leave at random moments; every call has one end, its text is
// that of its seed, and memory and the event loop stay where they are.
//   npm run soak -- [--seconds 600] [--clients 64] [--model weights/tales] [--seed 0]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { integerFlag } from '../../src/terminal/flags.ts';
import { SoakClient } from './client.ts';
import { growthOf, type Sample } from './growth.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    clients: { type: 'string', default: '64' },
    model: { type: 'string', default: 'weights/tales' },
    seed: { type: 'string', default: '0' },
  },
});
const number = (name: 'seconds' | 'clients' | 'seed', min: number) => integerFlag(name, min).coerce(values[name]);
const [seconds, numClients, seed] = [number('seconds', 1), number('clients', 1), number('seed', 0)];

/** Delay of the event loop that a server may have, in seconds. */
const MAX_LOOP_DELAY = 0.05;
/** Growth of memory that counts as none, as a share of all; a run has to be so long that compiling is over. */
const MAX_GROWTH = 0.05;
const SECONDS_TO_JUDGE_GROWTH = 120;
const BYTES_PER_KIB = 1024;

const { child, url } = await startServer();
const faults: string[] = [];
try {
  const end = performance.now() + seconds * 1000;
  const clients = Array.from({ length: numClients }, (_, index) => new SoakClient(url, [seed, index]));
  const texts = new Map<string, string>();
  const running = Promise.all(clients.map((client) => client.run(end, texts)));
  const [samples, delays] = await watch(end);
  await running;
  faults.push(...clients.flatMap((client) => client.faults));
  await judge(clients, samples, delays);
} finally {
  child.kill('SIGTERM');
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  if (code !== 0) faults.push(`server ended with ${code}, expected 0`);
}
for (const fault of faults.slice(0, 20)) console.error(fault);
console.log(faults.length === 0 ? 'soak: all is well' : `soak: ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

async function startServer(): Promise<{ child: ChildProcess; url: string }> {
  const argv = ['src/cli/roseinfer.js', 'serve', values.model, '--port', '0', '--log-level', 'warn'];
  const server = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'pipe'] });
  for await (const line of createInterface(server.stderr)) {
    const found = /^serving .* at (http:\S+)/.exec(line)?.[1];
    if (found === undefined) continue;
    server.stderr.resume();
    return { child: server, url: found };
  }
  throw new Error('the server has not started');
}

/** Looks at memory and event loop every second. */
async function watch(end: number): Promise<[Sample[], number[]]> {
  const samples: Sample[] = [];
  const delays: number[] = [];
  await metric('roseinfer:event_loop_delay_seconds');
  for (let now = performance.now(); now < end; now = performance.now()) {
    await setTimeout(Math.min(1000, end - now));
    delays.push(await metric('roseinfer:event_loop_delay_seconds{quantile="0.99"'));
    samples.push({ time: performance.now() / 1000, bytes: residentBytes() });
  }
  return [samples, delays];
}

async function judge(
  clients: readonly SoakClient[],
  samples: readonly Sample[],
  delays: readonly number[],
): Promise<void> {
  const sum = (of: (client: SoakClient) => number) => clients.reduce((total, client) => total + of(client), 0);
  const [finished, left] = [sum(({ numFinished }) => numFinished), sum(({ numLeft }) => numLeft)];
  await setTimeout(500);
  const live = (await metric('vllm:num_requests_running')) + (await metric('vllm:num_requests_waiting'));
  if (live !== 0) faults.push(`${live} requests have not ended, expected 0`);
  const usage = await metric('vllm:kv_cache_usage_perc');
  if (usage !== 0) faults.push(`${usage} of the KV cache is in use, expected 0`);
  const ends = await metric('vllm:request_success_total');
  if (ends !== finished + left) faults.push(`${ends} requests have ended, expected ${finished + left}`);
  const delay = delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)] ?? 0;
  if (delay > MAX_LOOP_DELAY)
    faults.push(`event loop is late by ${delay} s (p99, median), expected at most ${MAX_LOOP_DELAY}`);
  const growth = growthOf(samples);
  if (seconds >= SECONDS_TO_JUDGE_GROWTH && growth > MAX_GROWTH) {
    faults.push(`memory grew by ${growth} in the second half, expected at most ${MAX_GROWTH}`);
  }
  const tokens = sum(({ numTokens }) => numTokens);
  console.log({
    finished,
    left,
    tokensPerSecond: Math.round(tokens / seconds),
    loopDelayP99Ms: Math.round(delay * 1000),
    loopDelayP99MaxMs: Math.round(Math.max(...delays) * 1000),
    growth,
    mebibytes: Math.round((samples.at(-1)?.bytes ?? 0) / 2 ** 20),
  });
}

/** Sums the values of a metric whose line begins so. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Memory of the server; 0 where the system has no /proc. */
function residentBytes(): number {
  try {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * BYTES_PER_KIB;
  } catch {
    return 0;
  }
}
