// The library's parameters under the names that the command line has for them: a message of the library is about the
// flag that the user gave.

/** Flag of each parameter, without dashes; in words where a command has no such flag. */
const NAMES: Readonly<Record<string, readonly [flag: string, words: string]>> = {
  maxTokens: ['max-new-tokens', 'the number of new tokens'],
  minTokens: ['min-tokens', 'the least number of tokens'],
  topK: ['top-k', 'top k'],
  topP: ['top-p', 'top p'],
  minP: ['min-p', 'min p'],
  repetitionPenalty: ['repetition-penalty', 'the repetition penalty'],
  presencePenalty: ['presence-penalty', 'the presence penalty'],
  frequencyPenalty: ['frequency-penalty', 'the frequency penalty'],
  ignoreEos: ['ignore-eos', 'ignoring the end of text'],
  maxBatchSize: ['max-batch-size', 'the batch size'],
  maxBatchTokens: ['max-batch-tokens', 'the tokens of a step'],
  maxModelLen: ['max-model-len', 'the context'],
  numBlocks: ['num-blocks', 'the number of blocks'],
  chatTemplate: ['chat-template', 'the template of chats'],
  kvDtype: ['kv-dtype', 'the storage of keys and values'],
  prefixCache: ['prefix-cache', 'the prefix cache'],
  maxStepMs: ['max-step-ms', 'the time of a step'],
  maxQueuedRequests: ['max-queued-requests', 'the number of waiting requests'],
  maxQueuedTokens: ['max-queued-tokens', 'the number of waiting tokens'],
};

/** Text in quotes, which is the user's own, or a name that may be a parameter's. */
const QUOTED_OR_NAME = /"(?:[^"\\]|\\.)*"|(?<![-\w.])[a-z]\w*(?![\w(]|\.\w)/g;

/** Replaces parameters in a message by their flags, where the command has such a flag, else by words. */
export function nameFlags(message: string, flags: object): string {
  return message.replaceAll(QUOTED_OR_NAME, (name) => {
    if (!Object.hasOwn(NAMES, name)) return name;
    const [flag, words] = NAMES[name]!;
    return Object.hasOwn(flags, flag) ? `--${flag}` : words;
  });
}
