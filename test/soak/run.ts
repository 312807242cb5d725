// Does a server stay well for long? Many clients stream from it at once and leave at random moments; every call has one end, its text is
// that of its seed, and memory and the event loop stay where they are. The clients rest four times: memory is compared when
// nobody is served.
import { setTimeout } from 'node:timers/promises';
import type { InferredOptionTypes } from 'yargs';
import { runScript, type Script } from '../../bench/common/script.ts';
import { integerFlag, nameFlag, seedFlag } from '../../src/terminal/flags.ts';
import { median } from '../../src/util/statistics.ts';
import { KnownCalls, SoakClient } from './client.ts';
import { growthOf, type Sample } from './growth.ts';
import type { LoopReport } from './loop-report.ts';
import { SoakedServer } from './soaked-server.ts';

const flags = {
  seconds: { ...integerFlag('seconds', 1), default: 600, describe: 'length of the run' },
  clients: { ...integerFlag('clients', 1), default: 64, describe: 'clients at a time' },
  model: { ...nameFlag('model'), default: 'weights/tales', describe: 'model of the server' },
  seed: { ...seedFlag('seed'), default: 0, describe: 'seed of the run' },
};
const script: Script<typeof flags> = {
  usage:
    'node test/soak/run.ts [flags]\n\nLets many clients stream from a server for long, and watches its ends, memory and event loop.',
  flags,
};

/** Milliseconds that the server may hold its event loop, but for one turn of a hundred. */
const MAX_HELD_MS = 50;
/** Growth of resident memory that counts as none, as a share of all; a run has to be so long that compiling is over. */
const MAX_GROWTH = 0.05;
const SECONDS_TO_JUDGE_GROWTH = 120;
/**
 * Live bytes that a call may leave. Its record alone, were it kept, has 64 ids and pieces of more than 100 bytes each; V8's own code goes on
 * growing by some hundred KB over the hundreds of calls between two rests.
 */
const MAX_BYTES_A_CALL = 2048;
/** Parts of a run. Of the growth from rest to rest the median counts: V8 drops some MB of its own once, at one of them. */
const NUM_PARTS = 4;
/** Time that calls which were left have to end, in milliseconds. */
const REST_MS = 1000;
const SHOWN_FAULTS = 20;

/** Part of a run, up to the rest after it. */
interface Part {
  readonly numCalls: number;
  readonly samples: readonly Sample[];
  readonly report: LoopReport;
}

/** Calls of a part, and its length. */
interface PartOptions {
  readonly known: KnownCalls;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Lets the clients call for a part of the time; looks at resident memory every second. */
async function soak(server: SoakedServer, clients: readonly SoakClient[], options: PartOptions): Promise<Part> {
  const { known, seconds, signal } = options;
  const end = performance.now() + seconds * 1000;
  const numBefore = numCallsOf(clients);
  const isOver = () => signal.aborted || performance.now() >= end;
  const running = Promise.all(clients.map((client) => client.run(isOver, known)));
  const samples: Sample[] = [];
  for (let now = performance.now(); now < end; now = performance.now()) {
    await setTimeout(Math.min(1000, end - now), undefined, { signal });
    samples.push({ time: performance.now() / 1000, bytes: server.residentBytes });
  }
  await running;
  await setTimeout(REST_MS);
  return { numCalls: numCallsOf(clients) - numBefore, samples, report: await server.report() };
}

/** Finds calls that have not ended once, or that still hold something. */
async function judgeEnds(server: SoakedServer, clients: readonly SoakClient[]): Promise<string[]> {
  const faults: string[] = [];
  const live = (await server.metric('vllm:num_requests_running')) + (await server.metric('vllm:num_requests_waiting'));
  if (live !== 0) faults.push(`${live} requests have not ended, expected 0`);
  const usage = await server.metric('vllm:kv_cache_usage_perc');
  if (usage !== 0) faults.push(`${usage} of the KV cache is in use, expected 0`);
  const ends = await server.metric('vllm:request_success_total');
  const least = sum(clients, ({ numFinished, numLeft }) => numFinished + numLeft);
  const most = numCallsOf(clients);
  if (ends < least || ends > most) faults.push(`${ends} requests have ended, expected ${least} to ${most}`);
  return faults;
}

/**
 * Finds parts in which the server held its event loop. It has to answer for the time in which its thread ran or was blocked, not for that
 * in which it was ready and others had the processor: a timer that is late by t had a thread that waited for w of it, as the system counts,
 * and held its loop for t − w.
 */
function judgeLoop(reports: readonly LoopReport[]): string[] {
  return reports
    .map(({ heldMs: [, p99 = 0] }) => p99)
    .filter((p99) => p99 > MAX_HELD_MS)
    .map((p99) => `event loop was held for ${rounded(p99)} ms (p99), expected at most ${MAX_HELD_MS}`);
}

/** Finds memory that calls have left. */
function judgeMemory(parts: readonly Part[]): string[] {
  const faults: string[] = [];
  const growth = growthOf(samplesOf(parts));
  if (growth > MAX_GROWTH) {
    faults.push(`memory grew by ${rounded(growth)} in the second half, expected at most ${MAX_GROWTH}`);
  }
  const left = median(bytesPerCall(parts)) ?? 0;
  if (left > MAX_BYTES_A_CALL) {
    faults.push(`a call left ${Math.round(left)} bytes behind, expected at most ${MAX_BYTES_A_CALL}`);
  }
  return faults;
}

function samplesOf(parts: readonly Part[]): Sample[] {
  return parts.flatMap(({ samples }) => samples);
}

/** Live bytes that the calls of each part but the first left, for each of them. */
function bytesPerCall(parts: readonly Part[]): number[] {
  return parts
    .slice(1)
    .map(({ report, numCalls }, index) => (report.liveBytes - parts[index]!.report.liveBytes) / Math.max(numCalls, 1));
}

function numCallsOf(clients: readonly SoakClient[]): number {
  return sum(clients, ({ numFinished, numLeft, numEarly }) => numFinished + numLeft + numEarly);
}

function sum(clients: readonly SoakClient[], of: (client: SoakClient) => number): number {
  return clients.reduce((total, client) => total + of(client), 0);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Runs the soak, and prints its figures and faults. */
async function soakServer(args: InferredOptionTypes<typeof flags>, signal: AbortSignal): Promise<void> {
  const { seconds, seed } = args;
  const server = await SoakedServer.start(args.model);
  const faults: string[] = [];
  try {
    const clients = Array.from({ length: args.clients }, (_, index) => new SoakClient(server.url, [seed, index]));
    const known = new KnownCalls();
    await server.report();
    const parts: Part[] = [];
    for (let part = 0; part < NUM_PARTS; part++) {
      signal.throwIfAborted();
      parts.push(await soak(server, clients, { known, seconds: seconds / NUM_PARTS, signal }));
    }
    const reports = parts.map(({ report }) => report);
    faults.push(...clients.flatMap((client) => client.faults), ...(await judgeEnds(server, clients)));
    faults.push(...judgeLoop(reports), ...(seconds < SECONDS_TO_JUDGE_GROWTH ? [] : judgeMemory(parts)));
    console.log({
      finished: sum(clients, ({ numFinished }) => numFinished),
      left: sum(clients, ({ numLeft }) => numLeft),
      leftEarly: sum(clients, ({ numEarly }) => numEarly),
      tokensPerSecond: Math.round(sum(clients, ({ numTokens }) => numTokens) / seconds),
      loopLateMs: reports.map(({ lateMs }) => lateMs.map(rounded)),
      loopHeldMs: reports.map(({ heldMs }) => heldMs.map(rounded)),
      busyMsPerTurn: reports.map(({ busyMsPerTurn }) => rounded(busyMsPerTurn)),
      growth: rounded(growthOf(samplesOf(parts))),
      liveBytesPerCall: bytesPerCall(parts).map(Math.round),
      liveMebibytes: Math.round((reports.at(-1)?.liveBytes ?? 0) / 2 ** 20),
      mebibytes: Math.round((reports.at(-1)?.residentBytes ?? 0) / 2 ** 20),
    });
  } finally {
    const code = await server.stop();
    if (code !== 0) faults.push(`server ended with ${code}, expected 0`);
  }
  for (const fault of faults.slice(0, SHOWN_FAULTS)) console.error(fault);
  console.log(faults.length === 0 ? 'soak: all is well' : `soak: ${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}

await runScript(script, soakServer);
