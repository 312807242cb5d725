// `/tokenize` and `/detokenize`, in vLLM's shape.

import { tokenText } from '../../tokenizer/token-text.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { chatMessages } from '../parameters/chat.ts';
import { parseParameters } from '../parameters/parse.ts';
import { detokenizeParameters, tokenizeParameters } from '../parameters/tokenize.ts';
import { readJson } from '../read-body.ts';
import { type Call, checkModel, type Serving } from '../serving.ts';
import { answerOf } from './chat-completions.ts';
import { encodePrompt } from './encode-prompt.ts';

/** Answers a call of `/tokenize`: the ids of a prompt as `/v1/completions` takes it, or of a chat. */
export async function tokenize(serving: Serving, call: Call): Promise<Response> {
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  const parameters = parseParameters(tokenizeParameters, body);
  const { prompt, messages, add_special_tokens: addSpecial = false } = parameters;
  checkModel(serving, parameters.model);
  if ((prompt === undefined) === (messages === undefined)) {
    throw invalidParameter(
      'prompt',
      `call has ${prompt === undefined ? 'neither' : 'both'}, expected prompt or messages`,
    );
  }
  const { model } = serving;
  const tokens =
    prompt === undefined
      ? (await answerOf(serving, { messages: chatMessages(messages ?? []) }, {})).promptIds
      : await encodePrompt(model, prompt, { addSpecial, name: 'prompt' });
  const texts = parameters.return_token_strs ? tokens.map((id) => tokenText(model.tokenizer, id)) : null;
  const { maxModelLen } = model.runner.limits;
  return call.json({ count: tokens.length, max_model_len: maxModelLen, tokens, token_strs: texts });
}

/** Answers a call of `/detokenize`: the text of ids, special tokens included. */
export async function detokenize(serving: Serving, call: Call): Promise<Response> {
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  const { tokens, model: name } = parseParameters(detokenizeParameters, body);
  checkModel(serving, name);
  const { tokenizer, runner } = serving.model;
  if (tokenizer.missingFile !== null) {
    throw new ApiError(400, 'ids have no text, as the model has no tokenizer', { code: 'no_tokenizer' });
  }
  const { vocabSize } = runner.limits;
  const wrong = tokens.findIndex((id) => id >= vocabSize);
  if (wrong >= 0) {
    throw invalidParameter(
      `tokens[${wrong}]`,
      `tokens[${wrong}] is ${tokens[wrong]}, expected an integer in [0, ${vocabSize})`,
    );
  }
  return call.json({ prompt: tokenizer.decode(tokens, { skipSpecialTokens: false }) });
}
