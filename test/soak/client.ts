// A client that streams one completion after another and leaves some of them: a call that it reads to the end has one end, all events of a
// call have one id that no other call has, and all calls of one prompt and seed have one text.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { uniform } from '../../src/util/rng.ts';

const PROMPTS = ['Once upon a time', 'The king had lost his shadow.', 'A frog and a cricket', 'Long ago, in a forest'];
const NUM_SEEDS = 8;
const MAX_TOKENS = 64;
/** Events after which a call is left at the latest, and milliseconds after which one is that is left early. */
const MAX_EVENTS = 40;
const MAX_WAIT = 100;
/** It opens no connection before there is a call for it, which the server would close when nothing comes. */
const AGENT = new Agent({ keepAlive: true });
const HEADERS = { 'content-type': 'application/json' };

/** How a call goes: it is read to its end, left after some events, ended from outside after some, or left at once. */
type Way = 'read' | 'leave' | 'abort' | 'early';
const SHARES: readonly (readonly [Way, number])[] = [
  ['leave', 0.2],
  ['abort', 0.3],
  ['early', 0.4],
];

/** Facts that all clients of a soak share. */
export class KnownCalls {
  /** Of each prompt and seed. */
  readonly texts = new Map<string, string>();
  readonly ids = new Set<string>();
}

interface Answer {
  readonly ids: ReadonlySet<string>;
  readonly text: string;
  readonly reasons: readonly string[];
  /** True when it was read to its end, and then whether that was marked. */
  readonly isWhole: boolean;
  readonly isMarked: boolean;
}

/** One of the clients of a soak. */
export class SoakClient {
  readonly faults: string[] = [];
  /** Calls that were read to their end, left after an event, and left early: the server may know nothing of these. */
  numFinished = 0;
  numLeft = 0;
  numEarly = 0;
  numTokens = 0;
  readonly #url: string;
  readonly #seed: number;
  readonly #client: number;
  #numDrawn = 0;

  constructor(url: string, [seed, client]: readonly [number, number]) {
    this.#url = url;
    this.#seed = seed;
    this.#client = client;
  }

  /** Calls until it is over. */
  async run(isOver: () => boolean, known: KnownCalls): Promise<void> {
    while (!isOver()) {
      await this.#call(known).catch((error: unknown) => this.faults.push(String(error)));
    }
  }

  async #call(known: KnownCalls): Promise<void> {
    const call = { prompt: PROMPTS[this.#draw(PROMPTS.length)]!, seed: this.#draw(NUM_SEEDS), max_tokens: MAX_TOKENS };
    const share = this.#draw(1000) / 1000;
    const way = SHARES.find(([, most]) => share < most)?.[0] ?? 'read';
    const body = JSON.stringify({ ...call, stream: true, stream_options: { include_usage: true } });
    if (way === 'early') {
      await this.#leaveEarly(body);
      return;
    }
    const response = await this.#post('/v1/completions', body);
    if (response.statusCode !== 200) throw new Error(`status is ${response.statusCode}, expected 200`);
    // After one event at least: what comes before it, on a busy machine, are comments.
    const answer = await this.#read(response, way, 1 + this.#draw(MAX_EVENTS));
    if (answer.isWhole) this.numFinished++;
    else this.numLeft++;
    this.#judge(JSON.stringify(call), answer, known);
  }

  async #post(path: string, body: string): Promise<IncomingMessage> {
    const call = request(`${this.#url}${path}`, { method: 'POST', headers: HEADERS, agent: AGENT });
    call.end(body);
    const [response]: IncomingMessage[] = await once(call, 'response');
    call.on('error', () => {});
    return response!.setEncoding('utf8');
  }

  /** Sends a call on a connection of its own, and closes that soon: before, while or after the server reads the call. */
  async #leaveEarly(body: string): Promise<void> {
    const call = request(`${this.#url}/v1/completions`, { method: 'POST', headers: HEADERS, agent: false });
    call.on('error', () => {});
    call.end(body);
    await setTimeout(this.#draw(MAX_WAIT));
    call.destroy();
    this.numEarly++;
  }

  async #read(response: IncomingMessage, way: Way, after: number): Promise<Answer> {
    let [text, numEvents, isMarked, isAborted] = ['', 0, false, false];
    const reasons: string[] = [];
    const ids = new Set<string>();
    const parser = createParser({
      onEvent: ({ data }) => {
        numEvents++;
        isMarked = data === '[DONE]';
        if (isMarked) return;
        const { id, choices, usage, error } = JSON.parse(data);
        if (error !== undefined) this.faults.push(`a call failed: ${error.message}`);
        ids.add(id);
        text += choices[0]?.text ?? '';
        if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason);
        this.numTokens += usage?.completion_tokens ?? 0;
      },
    });
    let isWhole = true;
    for await (const chunk of response) {
      parser.feed(chunk);
      if (numEvents < after || way === 'read' || isMarked) continue;
      isWhole = way === 'abort';
      // Leaving the loop closes the connection.
      if (!isWhole) break;
      if (!isAborted) (await this.#post(`/abort/${[...ids][0]}`, '')).resume();
      isAborted = true;
    }
    return { ids, text, reasons, isWhole, isMarked };
  }

  #judge(call: string, { ids, text, reasons, isWhole, isMarked }: Answer, { texts, ids: knownIds }: KnownCalls): void {
    if (isWhole && (reasons.length !== 1 || !isMarked)) {
      this.faults.push(`${call} has ${reasons.length} ends and ${isMarked ? 'a' : 'no'} mark, expected one of each`);
    }
    if (ids.size !== 1) this.faults.push(`${call} has ${ids.size} ids, expected 1`);
    for (const id of ids) {
      if (knownIds.has(id)) this.faults.push(`${call} has the id of another`);
      knownIds.add(id);
    }
    const isAll = isWhole && reasons[0] !== 'abort';
    const known = texts.get(call);
    const fits = known === undefined || (isAll ? text === known : known.startsWith(text));
    if (!fits) this.faults.push(`${call} gave another text than before`);
    if (known === undefined && isAll) texts.set(call, text);
  }

  #draw(below: number): number {
    return Math.floor(uniform(this.#seed, this.#client, this.#numDrawn++) * below);
  }
}
