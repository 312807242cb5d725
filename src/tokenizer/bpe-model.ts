// The model of tokenizer.json: byte-level BPE that can write every text. A token that merges need and the vocabulary
// lacks would silently drop words of a prompt, so vocabulary and merges must explain each other.
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { quote } from '../util/quote.ts';
import { BYTE_OF_LETTER } from './byte-letters.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Two parts that become one token. */
type Merge = readonly [left: string, right: string];

/** A model that was checked. */
export interface BpeModel {
  /** Token → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** The first is made first. */
  readonly merges: readonly Merge[];
  /** A word that is a token is not made of parts. */
  readonly ignoresMerges: boolean;
}

/**
 * Options that would change the ids, and their values that do not; the others have no effect where all bytes have a
 * token.
 */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  dropout: [null, undefined, 0],
  continuing_subword_prefix: [null, undefined, ''],
  end_of_word_suffix: [null, undefined, ''],
};

/**
 * Checks the `model` of tokenizer.json.
 *
 * @throws what `refuse` makes of it unless it is a BPE whose ids are unique, which knows all 256 bytes, and each of
 * whose merges makes a known token of two known ones.
 */
export function parseBpeModel(model: unknown, refuse: Refuse): BpeModel {
  const fields: JsonObject = isJsonObject(model) ? model : {};
  if (!isJsonObject(model) || !isJsonObject(fields.vocab) || !Array.isArray(fields.merges)) {
    throw refuse('model', model, 'byte-level BPE with vocab and merges');
  }
  const { type = 'BPE', ignore_merges: ignoresMerges = false } = model;
  if (type !== 'BPE') throw refuse('model type', type, '"BPE"');
  if (typeof ignoresMerges !== 'boolean') throw refuse('ignore_merges', ignoresMerges, 'true or false');
  for (const [name, neutral] of Object.entries(NEUTRAL)) {
    if (!neutral.includes(model[name])) throw refuse(name, model[name], 'null: it is not supported');
  }
  const vocab = parseVocab(fields.vocab, refuse);
  return { vocab, merges: fields.merges.map((merge) => parseMerge(merge, vocab, refuse)), ignoresMerges };
}

/** Ids travel in 32-bit integers. */
export function checkId(id: unknown, token: string, refuse: Refuse): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31) return id;
  throw refuse(`id of ${quote(token)}`, id, 'an integer in [0, 2^31)');
}

function parseVocab(entries: JsonObject, refuse: Refuse): Map<string, number> {
  const vocab = new Map<string, number>();
  const tokenOf = new Map<number, string>();
  for (const [token, value] of Object.entries(entries)) {
    const id = checkId(value, token, refuse);
    const other = tokenOf.get(id);
    if (other !== undefined) throw refuse(`id ${id}`, [other, token], 'the id of one token');
    if (!token.isWellFormed()) throw refuse('token', token, 'text of whole characters');
    tokenOf.set(id, token);
    vocab.set(token, id);
  }
  for (const [letter, byte] of BYTE_OF_LETTER) {
    if (!vocab.has(letter)) throw refuse(`token of byte ${byte}`, undefined, `${quote(letter)} in the vocabulary`);
  }
  return vocab;
}

/** Merges are written as "left right", in newer files as ["left", "right"]. */
function parseMerge(value: unknown, vocab: ReadonlyMap<string, number>, refuse: Refuse): Merge {
  const parts: unknown = typeof value === 'string' ? value.split(' ') : value;
  const [left, right, ...more] = Array.isArray(parts) ? parts : [];
  if (typeof left !== 'string' || typeof right !== 'string' || more.length > 0 || left === '' || right === '') {
    throw refuse('merge', value, 'two tokens');
  }
  for (const token of [left, right, left + right]) {
    if (!vocab.has(token)) throw refuse('merge', value, `tokens of the vocabulary: it lacks ${quote(token)}`);
  }
  return [left, right];
}
