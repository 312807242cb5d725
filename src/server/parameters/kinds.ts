// Kinds of values that parameters of several endpoints have. Each schema's error is the text after "expected".
import { z } from 'zod';
import { MAX_LOGIT_BIASES, MAX_STOPS, type NumberParameter } from '../../core/sampling-table.ts';
import { isRecord } from '../../util/keys.ts';
import { numberIn, seed } from '../../util/option-checks.ts';
import { neutral } from './row.ts';

/** Most stop strings, as in OpenAI's API. */
const MAX_STOP_TEXTS = 4;
/** Most alternatives of which log-probabilities are reported. */
export const MAX_LOGPROBS = 20;
/** Most completions of one call: prompts × n. */
export const MAX_CHOICES = 128;
/** Most prompts of one call. */
export const MAX_PROMPTS = 128;
/** Most inputs of one call for embeddings, as in OpenAI's API. */
export const MAX_INPUTS = 2048;
/** Most tokens of all inputs of one call for embeddings, about as in OpenAI's API. */
export const MAX_INPUT_TOKENS = 2 ** 18;
/** Most elements of the embeddings of one answer that are written as numbers: others wait meanwhile. */
export const MAX_WRITTEN_ELEMENTS = 2 ** 17;
/** Most log-probabilities of prompts in one answer: tokens × n × (logprobs + 1). */
export const MAX_ECHO_ENTRIES = 16_384;
/** Most log-probabilities, or spans of timelines, in one whole answer: it is written at once, and others wait meanwhile. */
export const MAX_ANSWER_ENTRIES = 32_768;
/** Most messages of a chat, and most parts of one. */
export const MAX_MESSAGES = 2048;
/** Most notes of a caller, as in OpenAI's API, and most characters of a name and of a text. */
const MAX_NOTES = 16;
const MAX_NOTE_NAME = 64;
const MAX_NOTE_TEXT = 512;

/** A switch. */
export const flagValue = z.boolean({ error: 'true or false' });
/** A text. */
export const textValue = z.string({ error: 'a text' });
/** Values of a count, for messages. */
export const countExpected = 'an integer ≥ 1';
/** A count from 1 on. */
export const countValue = z.int({ error: countExpected }).min(1, { error: countExpected });
/** A seed. */
export const seedValue = z.custom<number>(seed.accepts, { error: seed.expected });

/** Tells whether a value may be the id of a token. */
export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Makes the schema of a list of ids, which ends at the first that is none: a list may have a million, and a note of each takes long. */
export function idsValue(expected: string, most = Number.POSITIVE_INFINITY) {
  return z
    .custom<readonly number[]>((value) => Array.isArray(value) && value.length <= most, { error: expected })
    .superRefine((ids, { addIssue }) => {
      const wrong = ids.findIndex((id) => !isId(id));
      if (wrong >= 0) addIssue({ code: 'custom', path: [wrong], message: expected });
    });
}

/** Makes the schema of a list of 1 to `most` values. */
export function boundedList<S extends z.ZodType>(schema: S, most: number, error: string) {
  return z.array(schema, { error }).min(1, { error }).max(most, { error });
}

/** Makes the error of a value that is no object; other errors of objects have texts of their own. */
export function objectError(expected: string) {
  return ({ code }: { readonly code: string }) => (code === 'invalid_type' ? expected : undefined);
}

/** Joins the texts of a content's parts. */
export function joinParts(parts: readonly { readonly text: string }[]): string {
  return parts.map(({ text }) => text).join('');
}

/** Values of `metadata`, for messages. */
export const notesExpected = `an object of up to ${MAX_NOTES} texts of up to ${MAX_NOTE_TEXT} characters`;
/** Notes of a caller. */
export const notesValue = z.custom<Readonly<Record<string, string>>>(
  (value) =>
    isRecord(value) &&
    Object.keys(value).length <= MAX_NOTES &&
    Object.entries(value).every(([name, text]) => name.length <= MAX_NOTE_NAME && isTextUpTo(text, MAX_NOTE_TEXT)),
  { error: notesExpected },
);

function isTextUpTo(value: unknown, length: number): boolean {
  return typeof value === 'string' && value.length <= length;
}

/** Makes the schema of a sampling parameter from its row in the library's table. */
export function numberValue({ accepts, expected }: NumberParameter) {
  return z.custom<number>((value) => typeof value === 'number' && accepts(value), { error: expected });
}

/** Makes the schema of an integer from `least` to `most`. */
export function integerValue(least: number, most: number) {
  const error = `an integer in [${least}, ${most}]`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** Values of `stop`, for messages. */
export const stopExpected = `a text or up to ${MAX_STOP_TEXTS} texts, none empty`;
const stopText = z.string().min(1);
/** One stop string or several. */
export const stopValue = z.union([stopText, z.array(stopText).max(MAX_STOP_TEXTS)], { error: stopExpected });
/** Values that `stop` takes, for tests. */
export const stopExamples = ['x', ['x', 'yz'], []];

/** Values of `stop_token_ids`, for messages. */
export const stopIdsExpected = `up to ${MAX_STOPS} ids of tokens`;
/** Ids that end a request. */
export const stopIdsValue = z
  .array(z.int({ error: stopIdsExpected }).min(0, { error: stopIdsExpected }), { error: stopIdsExpected })
  .max(MAX_STOPS, { error: stopIdsExpected });

/** Values of `logit_bias`, for messages. */
export const biasExpected = `an object of up to ${MAX_LOGIT_BIASES} token ids and numbers in [-100, 100]`;
const isBias = numberIn(-100, 100).accepts;
/** Additions to logits by token id. */
export const biasValue = z.custom<Readonly<Record<string, number>>>(
  (value) =>
    isRecord(value) &&
    Object.keys(value).length <= MAX_LOGIT_BIASES &&
    Object.entries(value).every(([id, bias]) => /^(0|[1-9]\d{0,8})$/.test(id) && isBias(bias)),
  { error: biasExpected },
);

/** What a stream carries besides its pieces. */
export const streamOptionsValue = z.strictObject(
  {
    include_usage: flagValue.optional(),
    continuous_usage_stats: flagValue.optional(),
    include_obfuscation: neutral([false], 'padding that hides the length of pieces'),
  },
  { error: 'an object with include_usage and continuous_usage_stats' },
);

const resumeExpected = 'an object with the ids so far and, if known, their system_fingerprint';
/** Place at which a call was cut. */
export const resumeValue = z.strictObject(
  {
    ids: idsValue(resumeExpected),
    system_fingerprint: textValue.optional(),
  },
  { error: resumeExpected },
);
/** Row of that parameter. */
export const resumeRow = {
  expected: '`ids` so far, and their `system_fingerprint`, with the `seed` of the cut call and all else as it was',
  meaning: 'go on where a call was cut, here or on a server with the same fingerprint; a stream gives what comes after',
  examples: [],
};
