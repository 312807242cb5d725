// A client that streams one completion after another and leaves some of them: a call that it reads to the end has one end, and all calls of
// one prompt and seed have one text.
import { createParser } from 'eventsource-parser';
import { uniform } from '../../src/util/rng.ts';

const PROMPTS = ['Once upon a time', 'The king had lost his shadow.', 'A frog and a cricket', 'Long ago, in a forest'];
const NUM_SEEDS = 8;
const MAX_TOKENS = 64;
/** Share of calls that are left, after one of the first so many events. */
const LEFT = 0.3;
const MAX_EVENTS = 40;

/** One of the clients of a soak. */
export class SoakClient {
  readonly faults: string[] = [];
  numFinished = 0;
  numLeft = 0;
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

  /** Calls until a time. @param texts of each prompt and seed, of all clients. */
  async run(end: number, texts: Map<string, string>): Promise<void> {
    while (performance.now() < end) {
      await this.#call(texts).catch((error: unknown) => this.faults.push(String(error)));
    }
  }

  async #call(texts: Map<string, string>): Promise<void> {
    const call = { prompt: PROMPTS[this.#draw(PROMPTS.length)]!, seed: this.#draw(NUM_SEEDS), max_tokens: MAX_TOKENS };
    const leavesAfter = this.#draw(1000) < 1000 * LEFT ? this.#draw(MAX_EVENTS) : Number.POSITIVE_INFINITY;
    const response = await fetch(`${this.#url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...call, stream: true, stream_options: { include_usage: true } }),
    });
    if (response.status !== 200 || response.body === null) {
      throw new Error(`status is ${response.status}, expected 200: ${await response.text()}`);
    }
    let [text, numEvents, isMarked] = ['', 0, false];
    const reasons: string[] = [];
    const parser = createParser({
      onEvent: ({ data }) => {
        numEvents++;
        isMarked = data === '[DONE]';
        if (isMarked) return;
        const { choices, usage, error } = JSON.parse(data);
        if (error !== undefined) this.faults.push(`a call failed: ${error.message}`);
        text += choices[0]?.text ?? '';
        if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason);
        this.numTokens += usage?.completion_tokens ?? 0;
      },
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parser.feed(next.value);
      if (numEvents >= leavesAfter) break;
    }
    const isWhole = numEvents < leavesAfter;
    await reader.cancel();
    if (isWhole) this.numFinished++;
    else this.numLeft++;
    this.#judge(JSON.stringify(call), { text, reasons, isWhole, isMarked }, texts);
  }

  #judge(
    call: string,
    { text, reasons, isWhole, isMarked }: { text: string; reasons: string[]; isWhole: boolean; isMarked: boolean },
    texts: Map<string, string>,
  ): void {
    if (isWhole && (reasons.length !== 1 || !isMarked)) {
      this.faults.push(`${call} has ${reasons.length} ends and ${isMarked ? 'a' : 'no'} mark, expected one of each`);
    }
    const known = texts.get(call);
    const fits = known === undefined || (isWhole ? text === known : known.startsWith(text));
    if (!fits) this.faults.push(`${call} gave another text than before`);
    if (known === undefined && isWhole) texts.set(call, text);
  }

  #draw(below: number): number {
    return Math.floor(uniform(this.#seed, this.#client, this.#numDrawn++) * below);
  }
}
