// Costs of HTTP: the same requests through a server and on its engine alone, in turns, so that other load on the machine meets both alike.

import type { Clock } from '../../src/core/clock.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { pcg4d } from '../../src/util/rng.ts';
import { median, present } from '../../src/util/statistics.ts';
import { type CallTarget, callBody, pathOf } from './call-body.ts';
import { clientOffsets } from './client-offsets.ts';
import { HttpClient } from './http-client.ts';
import { type Completion, readCompletion } from './read-completion.ts';
import { ServerError } from './server-error.ts';
import type { EngineRun, RequestBatch, StartedServer } from './server-job.ts';

/** Server and engine that take turns. */
export interface MeasuredServer {
  readonly server: StartedServer;
  run(batch: RequestBatch): Promise<EngineRun>;
  processorTime(): Promise<number>;
}

/** Sizes of a measurement, and what it reports meanwhile. */
export interface HttpCostOptions {
  readonly streams: number;
  readonly maxTokens: number;
  readonly rounds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/** Times to the first token of requests that come one after another, in milliseconds. */
export interface TtftCost {
  /** Medians. */
  readonly engine: Figure;
  readonly client: Figure;
  /** Median over requests of the client's time minus the engine's of the same request. */
  readonly difference: Figure;
}

/** Tokens per second of streams at a time, medians of the rounds. */
export interface ThroughputCost {
  readonly engine: Figure;
  readonly http: Figure;
  /** Median over the rounds of HTTP's tokens per second divided by the engine's. */
  readonly ratio: Figure;
}

/** Processor time in microseconds for each token, medians of the rounds. */
export interface ProcessorCost {
  readonly engine: Figure;
  readonly server: Figure;
  /** Of HTTP alone: median over the rounds of the server's minus the engine's. */
  readonly difference: Figure;
  readonly client: Figure;
}

const TIMEOUT_SECONDS = 600;
const PROMPT_TOKENS = 16;
/** Tokens of a request whose first one counts. */
const FIRST_TOKENS = 4;

/** Measures the time to the first token of `count` requests that come one after another. */
export async function measureTtft(server: MeasuredServer, count: number, options: HttpCostOptions): Promise<TtftCost> {
  const { signal, onProgress } = options;
  using http = new HttpTurns(server, options);
  const engine: number[] = [];
  const completions: Completion[] = [];
  for (let index = -1; index < count; index++) {
    onProgress(`time to the first token: request ${Math.max(index, 0)} of ${count}`);
    const batch = { prompts: drawPrompts(1, index + 1, server.server), maxTokens: FIRST_TOKENS };
    const { ttfts } = await server.run(batch);
    const [completion] = (await http.run(batch, true)).completions;
    signal.throwIfAborted();
    // The first of each kind warms up.
    if (index < 0 || completion === undefined) continue;
    engine.push(...ttfts);
    completions.push(completion);
  }
  const firsts = completions.map(({ sent, tokenTimes: [first = null] }) => first && first - sent);
  const { ttft } = clientOffsets(completions);
  return { engine: median(engine), client: median(present(firsts)), difference: ttft?.median ?? null };
}

/** Measures tokens per second of some streams at a time. */
export async function measureThroughput(server: MeasuredServer, options: HttpCostOptions): Promise<ThroughputCost> {
  const rounds = await inTurns(server, options, 'tokens per second');
  const numTokens = options.streams * options.maxTokens;
  const perSecond = (milliseconds: number) => (1000 * numTokens) / milliseconds;
  return {
    engine: median(rounds.map(({ engine }) => perSecond(engine.elapsed))),
    http: median(rounds.map(({ http }) => perSecond(http.elapsed))),
    ratio: median(present(rounds.map(({ engine, http }) => ratio(engine.elapsed, http.elapsed)))),
  };
}

/** Measures processor time for each token of some streams at a time. */
export async function measureProcessor(server: MeasuredServer, options: HttpCostOptions): Promise<ProcessorCost> {
  const rounds = await inTurns(server, options, 'processor time');
  const numTokens = options.streams * options.maxTokens;
  const perToken = (milliseconds: number) => (1000 * milliseconds) / numTokens;
  return {
    engine: median(rounds.map(({ engine }) => perToken(engine.processor))),
    server: median(rounds.map(({ http }) => perToken(http.processor))),
    difference: median(rounds.map(({ engine, http }) => perToken(http.processor - engine.processor))),
    client: median(rounds.map(({ http }) => perToken(http.client))),
  };
}

/** Turn of a round in milliseconds; `client` is the processor time of this process. */
interface Turn {
  readonly elapsed: number;
  readonly processor: number;
  readonly client: number;
}

/** Runs every round on the engine and through HTTP, each first in every other round, after one round that does not count. */
async function inTurns(server: MeasuredServer, options: HttpCostOptions, label: string) {
  const { streams, maxTokens, rounds, signal, onProgress } = options;
  using http = new HttpTurns(server, options);
  const measured: { readonly engine: Turn; readonly http: Turn }[] = [];
  for (let round = 0; round <= rounds; round++) {
    onProgress(`${label}: round ${round} of ${rounds}`);
    const batch = { prompts: drawPrompts(streams, round, server.server), maxTokens };
    const onEngine = () => takeTurn(server, async () => (await server.run(batch)).elapsed);
    const overHttp = () => takeTurn(server, async () => (await http.run(batch, false)).elapsed);
    const isEngineFirst = round % 2 === 0;
    const first = await (isEngineFirst ? onEngine() : overHttp());
    const second = await (isEngineFirst ? overHttp() : onEngine());
    signal.throwIfAborted();
    if (round > 0) measured.push(isEngineFirst ? { engine: first, http: second } : { engine: second, http: first });
  }
  return measured;
}

async function takeTurn(server: MeasuredServer, run: () => Promise<number>): Promise<Turn> {
  const before = await server.processorTime();
  const ownBefore = process.cpuUsage();
  const elapsed = await run();
  const { user, system } = process.cpuUsage(ownBefore);
  return { elapsed, processor: (await server.processorTime()) - before, client: (user + system) / 1000 };
}

/** Requests over HTTP. */
class HttpTurns implements Disposable {
  readonly #client: HttpClient;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor({ server }: MeasuredServer, { clock, signal }: HttpCostOptions) {
    const url = new URL(server.url);
    this.#client = new HttpClient({ url, key: undefined, timeoutSeconds: TIMEOUT_SECONDS, clock, signal });
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Runs requests that are there at once. @throws ServerError for one that fails; the signal's reason. */
  async run({ prompts, maxTokens }: RequestBatch, timeline: boolean) {
    const target: CallTarget = { endpoint: 'completions', model: 'served', timeline };
    const sampling = { maxTokens, seed: 0, temperature: 0, ignoreEos: true };
    const bodies = prompts.map((promptIds, index) =>
      callBody({ requestId: String(index), promptIds, sampling }, target),
    );
    const begin = this.#clock.now();
    const answers = await Promise.all(bodies.map((body) => this.#client.post(pathOf(target), body)));
    const elapsed = this.#clock.now() - begin;
    this.#signal.throwIfAborted();
    const completions = answers.map(readCompletion);
    for (const { fault, usage } of completions) {
      if (fault !== null) throw new ServerError(fault.message);
      if (usage?.completion !== maxTokens) {
        throw new ServerError(`the server gives ${usage?.completion} tokens, expected ${maxTokens}`);
      }
    }
    return { elapsed, completions };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function drawPrompts(count: number, round: number, { vocabSize }: StartedServer): number[][] {
  return Array.from({ length: count }, (_, index) =>
    Array.from({ length: PROMPT_TOKENS }, (__, position) => pcg4d(index, position, round, 0)[0] % vocabSize),
  );
}
