// Prompts as ids. What cannot fit is refused by its length alone: encoding it would be in vain.
import { contextOf } from '../../core/runner.ts';
import { longestPrompt } from '../../engine/longest-prompt.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import type { ServedModel } from '../served-model.ts';

/** How to encode a prompt. */
export interface PromptOptions {
  readonly addSpecial: boolean;
  /** Name of the parameter in errors. */
  readonly name: string;
}

/**
 * Encodes a prompt; a long one lets others have turns meanwhile.
 *
 * @throws ApiError for a text that no context holds, and for a model without a tokenizer.
 */
export async function encodePrompt(
  model: ServedModel,
  text: string,
  { addSpecial, name }: PromptOptions,
): Promise<number[]> {
  checkHasTokenizer(model, name);
  checkLength(model, text.length, name);
  return await model.tokenizer.encodeAsync(text, { addSpecial });
}

/** Refuses texts of more characters than the context's tokens can have. @throws ApiError */
export function checkLength(model: ServedModel, length: number, name: string): void {
  const most = longestPrompt(model.tokenizer, model.runner.limits);
  if (length <= most) return;
  const message = `${name} is ${length} characters long, expected at most ${most}, more than which the context can't hold`;
  throw invalidParameter(name, message, 'context_length_exceeded');
}

/** Refuses prompts of more ids than the context has. @throws ApiError */
export function checkFits({ runner }: ServedModel, numIds: number): void {
  const most = contextOf(runner.limits);
  if (numIds <= most) return;
  const message = `prompt length is ${numIds}, expected at most ${most}, the context`;
  throw invalidParameter('prompt', message, 'context_length_exceeded');
}

/** Refuses texts where ids have none. @throws ApiError */
export function checkHasTokenizer({ tokenizer }: ServedModel, name: string): void {
  if (tokenizer.missingFile === null) return;
  const message = `${name} is a text, expected ids, as the model has no tokenizer`;
  throw new ApiError(400, message, { code: 'no_tokenizer', param: name });
}
