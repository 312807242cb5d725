// Prompts as ids. What cannot fit is refused by its length alone: encoding it would be in vain.
import { ApiError, invalidParameter } from '../api-error.ts';
import { contextOf, type ServedModel } from '../served-model.ts';

/** How to encode a prompt. */
export interface PromptOptions {
  readonly addSpecial: boolean;
  /** Name of the parameter in errors. */
  readonly name: string;
}

const longestTokens = new WeakMap<ServedModel, number>();

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
  const most = contextOf(model.runner.limits) * longestToken(model);
  if (length <= most) return;
  const message = `${name} is ${length} characters long, expected at most ${most}, more than which the context can't hold`;
  throw invalidParameter(name, message, 'context_length_exceeded');
}

/** Refuses texts where ids have none. @throws ApiError */
export function checkHasTokenizer({ tokenizer }: ServedModel, name: string): void {
  if (tokenizer.missingFile === null) return;
  const message = `${name} is a text, expected ids, as the model has no tokenizer`;
  throw new ApiError(400, message, { code: 'no_tokenizer', param: name });
}

/** Bytes of the longest token, at least the number of its characters. */
function longestToken(model: ServedModel): number {
  const { tokenizer } = model;
  let longest = longestTokens.get(model) ?? 0;
  if (longest === 0) {
    for (let id = 0; id < tokenizer.vocabSize; id++) longest = Math.max(longest, tokenizer.tokenBytes(id).length);
    longestTokens.set(model, longest);
  }
  return longest;
}
