// Normalizer and pre-tokenizer of tokenizer.json, for the library to read: each part is written in the terms in which it does
// exactly what Hugging Face's tokenizers do, and what has no such terms is refused.
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { BYTE_LEVEL_PATTERN, rewritePattern } from './split-pattern.ts';
import type { Refuse } from './tokenizer-error.ts';

const NORMAL_FORMS: readonly unknown[] = ['NFC', 'NFD', 'NFKC', 'NFKD'];
const POST_PROCESSORS: readonly unknown[] = ['ByteLevel', 'TemplateProcessing', 'RobertaProcessing', 'BertProcessing'];

/**
 * Rewrites a `normalizer`: Unicode's normal forms, or none.
 *
 * @throws what `refuse` makes of any other.
 */
export function rewriteNormalizer(normalizer: unknown, refuse: Refuse): JsonObject {
  // An empty sequence, not null: with null the library would look for all added tokens at once, normalized ones or not.
  return { type: 'Sequence', normalizers: partsOf(normalizer, 'normalizer', 'normalizers', refuse).map(normalForm) };

  function normalForm({ type }: JsonObject): JsonObject {
    if (!NORMAL_FORMS.includes(type)) throw refuse('normalizer', type, `one of ${NORMAL_FORMS.join(', ')}, or null`);
    return { type };
  }
}

/**
 * Rewrites a `pre_tokenizer`: splits at patterns and digits, then bytes.
 *
 * @throws what `refuse` makes of any other.
 */
export function rewritePreTokenizer(preTokenizer: unknown, refuse: Refuse): JsonObject {
  const parts = partsOf(preTokenizer, 'pre_tokenizer', 'pretokenizers', refuse);
  const last = parts.at(-1);
  if (last?.type !== 'ByteLevel')
    throw refuse('pre_tokenizer', last?.type ?? preTokenizer, 'ByteLevel, also at the end of a Sequence');
  const pretokenizers = [...parts.slice(0, -1).map((part) => splitOf(part, refuse)), ...byteLevel(last, refuse)];
  return { type: 'Sequence', pretokenizers };
}

/**
 * Checks a `post_processor`. Whatever it is, it only adds tokens around a text, which are not asked for.
 *
 * @throws what `refuse` makes of one that is unknown.
 */
export function checkPostProcessor(postProcessor: unknown, refuse: Refuse): void {
  for (const { type } of partsOf(postProcessor, 'post_processor', 'processors', refuse)) {
    if (!POST_PROCESSORS.includes(type))
      throw refuse('post_processor', type, `one of ${POST_PROCESSORS.join(', ')}, or null`);
  }
}

/** The parts of a sequence, of one part, or of none. */
function partsOf(value: unknown, name: string, listName: string, refuse: Refuse): JsonObject[] {
  if (value === null || value === undefined) return [];
  if (!isJsonObject(value)) throw refuse(name, value, 'an object or null');
  if (value.type !== 'Sequence') return [value];
  const list: unknown = value[listName];
  if (!Array.isArray(list)) throw refuse(`${name} ${listName}`, list, 'a list');
  return list.flatMap((part: unknown) => {
    if (!isJsonObject(part)) throw refuse(name, part, 'an object');
    return partsOf(part, name, listName, refuse);
  });
}

function splitOf(part: JsonObject, refuse: Refuse): JsonObject {
  const { type, individual_digits: isIndividual = false } = part;
  if (type === 'Split') return split(part, refuse);
  if (type !== 'Digits') throw refuse('pre_tokenizer', type, 'Split or Digits before ByteLevel');
  checkFlag('individual_digits', isIndividual, refuse);
  return isolated(isIndividual ? String.raw`\p{N}` : String.raw`\p{N}+`); // digits of every script
}

function split({ pattern, behavior, invert = false }: JsonObject, refuse: Refuse): JsonObject {
  checkFlag('invert', invert, refuse);
  const { Regex: regex, String: text } = isJsonObject(pattern) ? pattern : {};
  const source = typeof text === 'string' ? text.replaceAll(/[^\p{L}\p{N}\s]/gu, String.raw`\$&`) : regex;
  if (typeof source !== 'string' || source === '') throw refuse('pattern', pattern, 'a Regex or a String');
  const rewritten = rewritePattern(source, refuse);
  if (behavior === 'Isolated') return isolated(rewritten);
  if (behavior === 'Removed') return { type: 'Split', pattern: { Regex: rewritten }, behavior, invert };
  throw refuse('behavior', behavior, 'Isolated or Removed');
}

/** Everything stays; matches and what is between them are words of their own, so that it does not matter which is which. */
function isolated(pattern: string): JsonObject {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** The library's own pattern takes U+FEFF for white space and U+0085 for none, so the text is split before. */
function byteLevel(
  { add_prefix_space: addsSpace, use_regex: splits = true }: JsonObject,
  refuse: Refuse,
): JsonObject[] {
  checkFlag('add_prefix_space', addsSpace, refuse);
  checkFlag('use_regex', splits, refuse);
  const space = { type: 'Metaspace', replacement: ' ', prepend_scheme: 'always' }; // puts a space before a text without
  const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  return [...(addsSpace ? [space] : []), ...(splits ? [isolated(BYTE_LEVEL_PATTERN)] : []), bytes];
}

function checkFlag(name: string, value: unknown, refuse: Refuse): void {
  if (typeof value !== 'boolean') throw refuse(name, value, 'true or false');
}
