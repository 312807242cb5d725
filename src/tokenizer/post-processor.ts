// Post-processors of tokenizer.json: the tokens, such as a BOS, that stand around a text.
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { partsOf } from './pipeline-parts.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Ids before and after those of a text. */
export interface Surroundings {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

type Parse = (part: JsonObject, ids: ReadonlyMap<string, number>, refuse: Refuse) => Surroundings;

/** No tokens around a text. */
export const NO_SURROUNDINGS: Surroundings = { before: [], after: [] };

const POST_PROCESSORS: ReadonlyMap<unknown, Parse> = new Map<unknown, Parse>([
  ['ByteLevel', () => NO_SURROUNDINGS],
  ['TemplateProcessing', template],
  ['RobertaProcessing', classifier],
  ['BertProcessing', classifier],
]);

/**
 * Reads a `post_processor`.
 *
 * @param ids of all tokens.
 * @throws what `refuse` makes of an unknown one, and of tokens that the vocabulary lacks.
 */
export function parsePostProcessor(value: unknown, ids: ReadonlyMap<string, number>, refuse: Refuse): Surroundings {
  const parts = partsOf(value, 'post_processor', 'processors', refuse).map((part) => {
    const parse = POST_PROCESSORS.get(part.type);
    if (parse === undefined) {
      throw refuse('post_processor', part.type, `one of ${[...POST_PROCESSORS.keys()].join(', ')}, or null`);
    }
    return parse(part, ids, refuse);
  });
  return {
    before: parts.toReversed().flatMap(({ before }) => before),
    after: parts.flatMap(({ after }) => after),
  };
}

/** Reads a template such as `<s> $A`: the pieces of `single`, among which is one sequence, the text. */
function template(part: JsonObject, ids: ReadonlyMap<string, number>, refuse: Refuse): Surroundings {
  const pieces: unknown[] = Array.isArray(part.single) ? part.single : [];
  const text = pieces.findIndex((piece) => isJsonObject(piece) && Object.hasOwn(piece, 'Sequence'));
  if (text === -1) throw refuse('single of TemplateProcessing', part.single, 'a list of tokens around one Sequence');
  const idsOf = (piece: unknown): number[] => {
    const token = isJsonObject(piece) && isJsonObject(piece.SpecialToken) ? piece.SpecialToken.id : undefined;
    const definitions = isJsonObject(part.special_tokens) ? part.special_tokens : {};
    const definition = typeof token === 'string' && Object.hasOwn(definitions, token) ? definitions[token] : undefined;
    const list: unknown = isJsonObject(definition) ? definition.ids : undefined;
    const known = new Set(ids.values());
    const isKnown = (id: unknown): id is number => typeof id === 'number' && known.has(id);
    if (Array.isArray(list) && list.every(isKnown)) return list;
    throw refuse('single of TemplateProcessing', piece, 'a SpecialToken with known ids in special_tokens');
  };
  return { before: pieces.slice(0, text).flatMap(idsOf), after: pieces.slice(text + 1).flatMap(idsOf) };
}

/** Reads the tokens of a classifier's text: `cls` before it and `sep` after it, each as [token, id]. */
function classifier(part: JsonObject, ids: ReadonlyMap<string, number>, refuse: Refuse): Surroundings {
  const idOf = (name: string): number => {
    const [token, id]: unknown[] = Array.isArray(part[name]) ? part[name] : [];
    if (typeof token === 'string' && typeof id === 'number' && ids.get(token) === id) return id;
    throw refuse(`${name} of post_processor`, part[name], 'a token and its id');
  };
  return { before: [idOf('cls')], after: [idOf('sep')] };
}
