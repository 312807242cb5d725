// `/v1/completions`: prompts continue, as texts or as ids.
import type { z } from 'zod';
import { invalidParameter } from '../api-error.ts';
import type { Choice, PromptRequest } from '../generation/generation.ts';
import { completionLogprobs, type PlacedToken, promptTokens } from '../generation/logprobs.ts';
import { completionParameters } from '../parameters/completions.ts';
import { MAX_CHOICES, MAX_ECHO_ENTRIES } from '../parameters/kinds.ts';
import { parseParameters } from '../parameters/parse.ts';
import { promptsOf } from '../parameters/prompts.ts';
import { samplingOptions } from '../parameters/sampling.ts';
import { wantedOutput } from '../parameters/structured.ts';
import { readJson } from '../read-body.ts';
import {
  type Call,
  type Caller,
  callerOf,
  checkIsServing,
  checkModel,
  type Ground,
  requestFields,
  type Serving,
} from '../serving.ts';
import { type AnswerPlan, answerCall, type ChoiceShape, type PromptLogprobs, type TextPart } from './choices.ts';
import { checkFits, encodePrompt } from './encode-prompt.ts';

type Parameters = z.output<typeof completionParameters>;

/** Answers a call of `/v1/completions`. */
export async function completions(serving: Serving, call: Call): Promise<Response> {
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  return await answerCall(serving, call, await planCompletions(serving, callerOf(call), body));
}

/**
 * Makes the plan of completions from the body of a call.
 *
 * @throws ApiError
 */
export async function planCompletions(ground: Ground, caller: Caller, body: unknown): Promise<AnswerPlan> {
  const parameters = parseParameters(completionParameters, body);
  const { model, n = 1, seed, stream = false, stream_options: wishes = {}, logprobs, echo = false } = parameters;
  checkModel(ground, model);
  checkIsServing(ground);
  const shared = {
    ...requestFields(ground, caller, parameters),
    constraint: await ground.grammars.compile(wantedOutput(parameters), parameters.resume?.ids),
    sampling: { ...samplingOptions(parameters), maxTokens: parameters.max_tokens, logprobs },
    promptLogprobs: echo ? logprobs : undefined,
  };
  const prompts = promptsOf(parameters.prompt);
  if (prompts.length * n > MAX_CHOICES) {
    throw invalidParameter('n', `prompts × n is ${prompts.length * n}, expected at most ${MAX_CHOICES}`);
  }
  if (parameters.resume !== undefined && prompts.length > 1) {
    throw invalidParameter('prompt', `prompt is a list of ${prompts.length} with resume, expected one`);
  }
  const { add_special_tokens: addSpecial = false } = parameters;
  const requests: PromptRequest[] = [];
  for (const prompt of prompts) {
    const promptIds =
      typeof prompt === 'string' ? await encodePrompt(ground.model, prompt, { addSpecial, name: 'prompt' }) : prompt;
    // Before the next prompt is encoded.
    checkFits(ground.model, promptIds.length);
    requests.push({ ...shared, promptIds });
  }
  if (echo && logprobs !== undefined) checkEcho(requests, logprobs, n);
  const options = {
    shape: shapeOf(ground, parameters, prompts),
    includeUsage: wishes.include_usage ?? false,
    continuousUsage: wishes.continuous_usage_stats ?? false,
    returnIds: parameters.return_token_ids ?? false,
    hasLogprobs: logprobs !== undefined,
  };
  return { kind: 'cmpl', prompts: requests, n, seed, stream, options };
}

function shapeOf(
  { model }: Ground,
  { echo = false, logprobs, n = 1 }: Parameters,
  prompts: readonly (string | readonly number[])[],
): ChoiceShape {
  const { tokenizer } = model;
  const echoes = echo ? prompts.map((prompt) => textOf(tokenizer, prompt)) : [];
  const echoOf = ({ index }: Choice) => echoes[Math.floor(index / n)] ?? '';
  const echoed = (choice: Choice, records: PromptLogprobs) =>
    echo ? promptTokens(tokenizer, choice.prompt.promptIds, { records, length: echoOf(choice).length }) : [];
  const fields = (text: string, tokens: () => readonly PlacedToken[]) => ({
    text,
    logprobs: logprobs === undefined ? null : completionLogprobs(tokenizer, tokens()),
  });
  const tokensOf = (choice: Choice, part: TextPart) => placeTokens(part, echoOf(choice).length);
  return {
    object: 'text_completion',
    chunkObject: 'text_completion',
    whole: (choice, part, records) =>
      fields(echoOf(choice) + part.text, () => [...echoed(choice, records), ...tokensOf(choice, part)]),
    delta: (choice, part) => [fields(part.text, () => tokensOf(choice, part))],
    opening: echo ? (choice, records) => fields(echoOf(choice), () => echoed(choice, records)) : null,
    closing: () => [{ text: '', logprobs: null }],
  };
}

function textOf(tokenizer: Serving['model']['tokenizer'], prompt: string | readonly number[]): string {
  return typeof prompt === 'string' ? prompt : tokenizer.decode(prompt, { skipSpecialTokens: false });
}

/** Places generated tokens in a text, after a prompt of `start` characters. */
function placeTokens({ ids, logprobs, offsets }: TextPart, start: number): PlacedToken[] {
  return ids.map((id, index) => ({ id, record: logprobs[index] ?? null, offset: start + offsets[index]! }));
}

/** Refuses an echo with more log-probabilities than one answer should have. @throws ApiError */
function checkEcho(prompts: readonly PromptRequest[], logprobs: number, n: number): void {
  const rows = prompts.reduce((sum, { promptIds }) => sum + promptIds.length, 0) * n;
  const entries = rows * (logprobs + 1);
  if (entries <= MAX_ECHO_ENTRIES) return;
  const message = `tokens of prompts × n × (logprobs + 1) is ${entries} with echo, expected at most ${MAX_ECHO_ENTRIES}`;
  throw invalidParameter('logprobs', message);
}
