// Answers of completions and chats, whole and in pieces: the two endpoints differ in the shape of a choice only.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { TokenLogprobs } from '../../core/runner.ts';
import type { FinishedRequest } from '../../engine/request.ts';
import { invalidParameter } from '../api-error.ts';
import { answerOfError } from '../call-errors.ts';
import { EventStream } from '../generation/event-stream.ts';
import type { Choice, Generation, GenerationPlan, PromptRequest } from '../generation/generation.ts';
import {
  type ApiFinishReason,
  finishReasonOf,
  type Tokens,
  timelineField,
  tokensOf,
  tokensSoFar,
  usageOf,
} from '../generation/outcome.ts';
import { readPieces } from '../generation/read-pieces.ts';
import { MAX_ANSWER_ENTRIES } from '../parameters/kinds.ts';
import { type Call, type Ground, noteTokens, type Serving, startGeneration } from '../serving.ts';

/** Part of a choice's text. */
export interface TextPart {
  readonly text: string;
  readonly ids: readonly number[];
  /** One an id; empty unless the call asked for them. */
  readonly logprobs: readonly TokenLogprobs[];
  /** One an id: length of the choice's text before it. */
  readonly offsets: readonly number[];
}

/** Log-probabilities of a prompt's tokens, null for the first; null for a call that did not ask. */
export type PromptLogprobs = FinishedRequest['promptLogprobs'];

/** Shape of the answers of an endpoint. */
export interface ChoiceShape {
  /** Names the whole answer, and a chunk of it. */
  readonly object: string;
  readonly chunkObject: string;
  /** Fields of a whole choice. */
  readonly whole: (choice: Choice, part: TextPart, prompt: PromptLogprobs) => object;
  /** Fields of a choice in the chunks that a part of its text makes. */
  readonly delta: (choice: Choice, part: TextPart) => readonly object[];
  /** Takes parts without text, too. */
  readonly readsAll?: boolean;
  /** Fields of a choice in the first chunk, before any piece; null where it has none. */
  readonly opening: ((choice: Choice, prompt: PromptLogprobs) => object) | null;
  /** Fields of a choice in the chunks at its end, of which the last says why it ended. */
  readonly closing: (choice: Choice) => readonly object[];
  /** Names the reason of an end where that is another word than the engine's. */
  readonly reason?: (choice: Choice, reason: ApiFinishReason) => string;
}

/** Wishes of a caller. */
export interface AnswerOptions {
  readonly shape: ChoiceShape;
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
  readonly returnIds: boolean;
  /** Reports an id that has no text yet, too. */
  readonly hasLogprobs: boolean;
}

/** Completions that a call asks for, and the way in which it wants them. */
export interface AnswerPlan extends Omit<GenerationPlan, 'owner'> {
  readonly stream: boolean;
  readonly options: AnswerOptions;
}

/** Starts the completions of a call and answers it. @throws what `startGeneration` throws; ApiError for an answer that is too large. */
export async function answerCall(serving: Serving, call: Call, plan: AnswerPlan): Promise<Response> {
  if (!plan.stream) checkAnswerSize(plan.prompts, plan.n);
  const generation = startGeneration(serving, call, plan);
  return await (plan.stream ? answerStream : answerWhole)(serving, call, generation, plan.options);
}

/**
 * Refuses a whole answer that would have more log-probabilities, or spans of timelines, than can be written at once.
 *
 * @throws ApiError
 */
export function checkAnswerSize(prompts: readonly PromptRequest[], n: number): void {
  for (const name of ['logprobs', 'timeline'] as const) {
    const entries = n * prompts.reduce((sum, prompt) => sum + entriesOf(name, prompt), 0);
    if (entries <= MAX_ANSWER_ENTRIES) continue;
    const message = `${name} may have ${entries} entries in one answer, expected at most ${MAX_ANSWER_ENTRIES}; stream it, or ask for fewer tokens`;
    throw invalidParameter(name, message);
  }
}

function entriesOf(name: 'logprobs' | 'timeline', { sampling = {}, timeline = false }: PromptRequest): number {
  const { maxTokens = 0, logprobs = null } = sampling;
  // A step and the wait before it.
  if (name === 'timeline') return timeline ? 2 * maxTokens : 0;
  return logprobs === null ? 0 : maxTokens * (logprobs + 1);
}

/** Waits for all choices and answers. @throws ApiError for one that ended by a fault. */
async function answerWhole(
  serving: Serving,
  call: Call,
  generation: Generation,
  options: AnswerOptions,
): Promise<Response> {
  const { body, tokens } = await wholeBody(serving, generation, options);
  noteTokens(call, tokens.prompt, tokens.completion);
  return call.json(body);
}

/** Waits for all choices and makes the body of their answer. @throws ApiError for one that ended by a fault. */
export async function wholeBody(
  ground: Ground,
  generation: Generation,
  options: AnswerOptions,
): Promise<{ readonly body: object; readonly tokens: Tokens }> {
  const offsets = generation.choices.map((): number[] => []);
  const finished = await Promise.all(generation.choices.map((choice, index) => readWhole(choice, offsets[index]!)));
  const tokens = tokensOf(generation, finished);
  const choices = generation.choices.map((choice, index) => {
    const end = finished[index]!;
    const { text, ids, logprobs, resumedTokens } = end;
    const reason = finishReasonOf(end, ground);
    const part = { text, ids: ids.slice(resumedTokens), logprobs: logprobs ?? [], offsets: offsets[index]! };
    const fields = options.shape.whole(choice, part, finished[choice.firstIndex]!.promptLogprobs);
    const named = options.shape.reason?.(choice, reason) ?? reason;
    return { index, ...fields, ...ending(choice, end, named), ...idFields(choice, ids, options, true) };
  });
  return { body: { ...head(ground, generation, options.shape.object), choices, usage: usageOf(tokens) }, tokens };
}

/** Reads a choice to its end, and where in its text each id begins. */
function readWhole(choice: Choice, offsets: number[]): Promise<FinishedRequest> {
  let offset = choice.stream.resumedText.length;
  return readPieces(choice, { drained: null }, ({ text }) => {
    offsets.push(offset);
    offset += text.length;
  });
}

/** Answers with events. A fault before the first of them is an answer of its own. */
async function answerStream(
  serving: Serving,
  call: Call,
  generation: Generation,
  options: AnswerOptions,
): Promise<Response> {
  const { keepAlive, stallTimeout } = serving.options;
  const times = { keepAliveMs: keepAlive * 1000, stallMs: stallTimeout * 1000 };
  const events = new EventStream(call.env.outgoing, times);
  const chunks = new Chunks(serving, generation, options, events);
  try {
    const finished = await Promise.all(generation.choices.map((choice) => chunks.sendChoice(choice)));
    const tokens = tokensOf(generation, finished);
    noteTokens(call, tokens.prompt, tokens.completion);
    if (options.includeUsage) chunks.send([], { usage: usageOf(tokens) });
    events.end();
  } catch (error) {
    generation.abort();
    if (!events.hasBegun) {
      events.leave();
      throw error;
    }
    events.fail(answerOfError(serving, call, error));
  }
  return RESPONSE_ALREADY_SENT;
}

/** The chunks of one answer. */
class Chunks {
  readonly #serving: Serving;
  readonly #generation: Generation;
  readonly #options: AnswerOptions;
  readonly #events: EventStream;
  /** Fields that all chunks have, as JSON without its last brace. */
  readonly #head: string;
  #isFirst = true;
  #numIds: number;

  constructor(serving: Serving, generation: Generation, options: AnswerOptions, events: EventStream) {
    this.#serving = serving;
    this.#generation = generation;
    this.#options = options;
    this.#events = events;
    this.#numIds = generation.choices.reduce((sum, { prompt }) => sum + (prompt.resume?.ids.length ?? 0), 0);
    const { seed: _, ...fields } = head(serving, generation, options.shape.chunkObject);
    this.#head = JSON.stringify(fields).slice(0, -1);
  }

  /** Sends a chunk; the first one says the seed. */
  send(choices: readonly object[], { usage }: { usage?: object } = {}): void {
    const { includeUsage, continuousUsage } = this.#options;
    const soFar = continuousUsage ? usageOf(tokensSoFar(this.#generation.choices, this.#numIds)) : null;
    const first = this.#isFirst ? `,"seed":${this.#generation.seed}` : '';
    const last = includeUsage || continuousUsage ? `,"usage":${JSON.stringify(usage ?? soFar)}` : '';
    this.#events.sendJson(`${this.#head}${first},"choices":${JSON.stringify(choices)}${last}}`);
    this.#isFirst = false;
  }

  /** Sends a choice as it arrives. @throws ApiError for one that ends by a fault. */
  async sendChoice(choice: Choice): Promise<FinishedRequest> {
    const { shape, hasLogprobs, returnIds } = this.#options;
    const { index } = choice;
    let [offset, isOpen] = [choice.stream.resumedText.length, false];
    const prompt = await this.#generation.choices[choice.firstIndex]!.stream.promptLogprobs;
    const open = () => {
      if (isOpen) return;
      isOpen = true;
      if (shape.opening === null && !returnIds) return;
      const none = { text: '', ids: [], logprobs: [], offsets: [] };
      const fields = shape.opening?.(choice, prompt) ?? shape.delta(choice, none)[0];
      this.send([{ index, ...fields, finish_reason: null, ...idFields(choice, [], this.#options, true) }]);
    };
    const finished = await readPieces(choice, this.#events, ({ id, text, logprobs }) => {
      this.#numIds++;
      open();
      if (text !== '' || hasLogprobs || returnIds || shape.readsAll) {
        const part = { text, ids: [id], logprobs: logprobs === null ? [] : [logprobs], offsets: [offset] };
        for (const [place, fields] of shape.delta(choice, part).entries()) {
          const ids = idFields(choice, place === 0 ? part.ids : [], this.#options, false);
          this.send([{ index, ...fields, finish_reason: null, ...ids }]);
        }
      }
      offset += text.length;
    });
    const reason = finishReasonOf(finished, this.#serving);
    open();
    const closing = shape.closing(choice);
    for (const fields of closing.slice(0, -1)) this.send([{ index, ...fields, finish_reason: null }]);
    const named = shape.reason?.(choice, reason) ?? reason;
    this.send([{ index, ...closing.at(-1), ...ending(choice, finished, named) }]);
    return finished;
  }
}

function head({ model }: Ground, { id, created, seed }: Generation, object: string) {
  return { id, object, created, model: model.name, system_fingerprint: model.fingerprint, seed };
}

function ending(choice: Choice, finished: FinishedRequest, reason: string) {
  return { finish_reason: reason, stop_reason: finished.stopReason, ...timelineField(choice, finished) };
}

function idFields(choice: Choice, ids: readonly number[], { returnIds }: AnswerOptions, withPrompt: boolean) {
  if (!returnIds) return {};
  return { token_ids: ids, ...(withPrompt && { prompt_token_ids: choice.prompt.promptIds }) };
}
