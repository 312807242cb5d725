// `/v1/completions`: prompts continue, as texts or as ids.
import type { z } from 'zod';
import { invalidParameter } from '../api-error.ts';
import type { Choice } from '../generation/generation.ts';
import { completionLogprobs } from '../generation/logprobs.ts';
import { completionParameters } from '../parameters/completions.ts';
import { MAX_CHOICES } from '../parameters/kinds.ts';
import { parseParameters } from '../parameters/parse.ts';
import { samplingOptions } from '../parameters/sampling.ts';
import { readJson } from '../read-body.ts';
import { type Call, checkIsServing, checkModel, requestFields, type Serving, startGeneration } from '../serving.ts';
import { answerStream, answerWhole, type ChoiceShape, type TextPart } from './choices.ts';
import { encodePrompt } from './encode-prompt.ts';

type Parameters = z.output<typeof completionParameters>;

/** Answers a call of `/v1/completions`. */
export async function completions(serving: Serving, call: Call): Promise<Response> {
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  const parameters = parseParameters(completionParameters, body);
  const { model, n = 1, seed, stream = false, stream_options: wishes = {}, logprobs } = parameters;
  checkModel(serving, model);
  checkIsServing(serving);
  const shared = {
    ...requestFields(serving, call, parameters),
    sampling: { ...samplingOptions(parameters), maxTokens: parameters.max_tokens, logprobs },
  };
  const prompts = promptsOf(parameters.prompt);
  if (prompts.length * n > MAX_CHOICES) {
    throw invalidParameter('n', `prompts × n is ${prompts.length * n}, expected at most ${MAX_CHOICES}`);
  }
  const { add_special_tokens: addSpecial = false } = parameters;
  const requests = prompts.map((prompt) => {
    const promptIds =
      typeof prompt === 'string' ? encodePrompt(serving.model, prompt, { addSpecial, name: 'prompt' }) : prompt;
    return { ...shared, promptIds };
  });
  const generation = startGeneration(serving, call, { kind: 'cmpl', prompts: requests, n, seed });
  const options = {
    shape: shapeOf(serving, parameters, prompts),
    includeUsage: wishes.include_usage ?? false,
    continuousUsage: wishes.continuous_usage_stats ?? false,
    returnIds: parameters.return_token_ids ?? false,
    hasLogprobs: logprobs !== undefined,
  };
  return await (stream ? answerStream : answerWhole)(serving, call, generation, options);
}

/** Lists the prompts of a call. */
function promptsOf(prompt: Parameters['prompt']): (string | number[])[] {
  if (typeof prompt === 'string') return [prompt];
  const texts = prompt.filter((each) => typeof each === 'string');
  if (texts.length > 0) return texts;
  const lists = prompt.filter((each) => Array.isArray(each));
  return lists.length > 0 ? lists : [prompt.filter((each) => typeof each === 'number')];
}

function shapeOf(
  { model }: Serving,
  { echo = false, logprobs, n = 1 }: Parameters,
  prompts: readonly (string | number[])[],
): ChoiceShape {
  if (echo && logprobs !== undefined) {
    throw invalidParameter('echo', 'echo is true with logprobs, expected one of them');
  }
  const echoOf = ({ index }: Choice): string => {
    const prompt = echo ? (prompts[Math.floor(index / n)] ?? '') : '';
    return typeof prompt === 'string' ? prompt : model.tokenizer.decode(prompt, { skipSpecialTokens: false });
  };
  const fields = (text: string, { ids, logprobs: records, offsets }: TextPart, echoed: number) => ({
    text,
    logprobs:
      logprobs === undefined
        ? null
        : completionLogprobs(
            model.tokenizer,
            ids.map((id, index) => ({ id, record: records[index] ?? null, offset: echoed + offsets[index]! })),
          ),
  });
  return {
    object: 'text_completion',
    chunkObject: 'text_completion',
    whole: (choice, part) => fields(echoOf(choice) + part.text, part, echoOf(choice).length),
    delta: (choice, part) => fields(part.text, part, echoOf(choice).length),
    opening: echo ? (choice) => ({ text: echoOf(choice), logprobs: null }) : null,
    closing: { text: '', logprobs: null },
  };
}
