// Normalizers of tokenizer.json: a text before it is split. What has no exact counterpart here is refused.
import type { JsonObject } from '../util/json.ts';
import { partsOf, patternOf, textOf } from './pipeline-parts.ts';
import type { Refuse } from './tokenizer-error.ts';

/** Function from a text to the text that is split. */
export type Normalizer = (text: string) => string;

type Parse = (part: JsonObject, refuse: Refuse) => Normalizer;

const normalForm =
  (form: string): Parse =>
  () =>
  (text) =>
    text.normalize(form);

const NORMALIZERS: ReadonlyMap<unknown, Parse> = new Map<unknown, Parse>([
  ['NFC', normalForm('NFC')],
  ['NFD', normalForm('NFD')],
  ['NFKC', normalForm('NFKC')],
  ['NFKD', normalForm('NFKD')],
  ['Prepend', prepend],
  ['Replace', replace],
]);

/**
 * Makes a `normalizer`.
 *
 * @throws what `refuse` makes of an unknown one.
 */
export function parseNormalizer(value: unknown, refuse: Refuse): Normalizer {
  const steps = partsOf(value, 'normalizer', 'normalizers', refuse).map((part) => {
    const parse = NORMALIZERS.get(part.type);
    if (parse === undefined) {
      throw refuse('normalizer', part.type, `one of ${[...NORMALIZERS.keys()].join(', ')}, or null`);
    }
    return parse(part, refuse);
  });
  return (text) => steps.reduce((normalized, step) => step(normalized), text);
}

function prepend(part: JsonObject, refuse: Refuse): Normalizer {
  const prefix = textOf(part, 'prepend', refuse);
  return (text) => (text === '' ? '' : prefix + text);
}

function replace(part: JsonObject, refuse: Refuse): Normalizer {
  const pattern = patternOf(part.pattern, refuse);
  const content = textOf(part, 'content', refuse);
  return (text) => text.replaceAll(pattern, () => content);
}
