// `/generate`, as the Python project has it that this one follows: few parameters, plain text.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { contextOf } from '../../core/runner.ts';
import { answerOfError } from '../call-errors.ts';
import { AnswerStream } from '../generation/answer-stream.ts';
import { finishReasonOf, tokensOf } from '../generation/outcome.ts';
import { readPieces } from '../generation/read-pieces.ts';
import { GENERATE_DEFAULTS, generateParameters } from '../parameters/generate.ts';
import { parseParameters } from '../parameters/parse.ts';
import { readJson } from '../read-body.ts';
import {
  type Call,
  callerOf,
  checkIsServing,
  noteTokens,
  requestFields,
  type Serving,
  startGeneration,
} from '../serving.ts';
import { encodePrompt } from './encode-prompt.ts';

const HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'x-accel-buffering': 'no' };

/** Answers a call of `/generate`: the completion without its prompt. */
export async function generate(serving: Serving, call: Call): Promise<Response> {
  call.set('names', { maxTokens: 'max_new_tokens' });
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  const { prompt, seed, ...given } = { ...GENERATE_DEFAULTS, ...parseParameters(generateParameters, body) };
  checkIsServing(serving);
  const promptIds = await encodePrompt(serving.model, prompt, { addSpecial: false, name: 'prompt' });
  const room = Math.max(contextOf(serving.model.runner.limits) - Math.max(promptIds.length, 1), 1);
  const isDefault = body.max_new_tokens === undefined;
  const sampling = {
    maxTokens: isDefault ? Math.min(GENERATE_DEFAULTS.max_new_tokens, room) : given.max_new_tokens,
    temperature: given.do_sample ? given.temperature : 0,
    topK: given.top_k,
    topP: given.top_p,
    ignoreEos: !given.stop_on_eos,
  };
  const request = { ...requestFields(serving, callerOf(call), {}), promptIds, sampling };
  const generation = startGeneration(serving, call, { kind: 'gen', prompts: [request], n: 1, seed });
  const [choice] = generation.choices;
  const { outgoing } = call.env;
  outgoing.setHeader('x-generation-id', generation.id);
  const answer = new AnswerStream(outgoing, HEADERS, { stallMs: serving.options.stallTimeout * 1000 });
  let text = '';
  const finished = await readPieces(choice!, answer, (piece) => {
    text += piece.text;
    if (given.stream && piece.text !== '') answer.write(piece.text);
  });
  const tokens = tokensOf(generation, [finished]);
  noteTokens(call, tokens.prompt, tokens.completion);
  try {
    finishReasonOf(finished, serving);
  } catch (error) {
    if (!answer.hasBegun) throw error;
    answerOfError(serving, call, error);
    answer.cut();
    return RESPONSE_ALREADY_SENT;
  }
  if (!given.stream) return call.json({ text });
  answer.end();
  return RESPONSE_ALREADY_SENT;
}
