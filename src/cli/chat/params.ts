// Sampling parameters that a chat shows and sets: its flags, under their names and with their checks.
import type { ChatFormat } from '../../engine/chat.ts';
import { RangeValueError } from '../../util/errors.ts';
import { expectedNames } from '../../util/keys.ts';
import { type GenerationArgs, generationFlags } from '../generation-flags.ts';
import { DEFAULT_MAX_NEW_TOKENS } from './session.ts';

/** The parameters as flags of the command. */
export const answerFlags = {
  ...generationFlags,
  'max-new-tokens': {
    ...generationFlags['max-new-tokens'],
    defaultDescription: `${DEFAULT_MAX_NEW_TOKENS}, or what the context has room for`,
    describe: 'most tokens of an answer',
  },
};

/** Value that takes a parameter back to its default. */
const DEFAULT = 'default';

/** A parameter as a flag has it. */
interface Parameter {
  readonly takes: string;
  readonly describe?: string;
  readonly defaultDescription?: string;
  readonly coerce: (raw: never) => unknown;
}

const PARAMETERS: Readonly<Record<string, Parameter>> = answerFlags;

/**
 * Sets a parameter.
 *
 * @param text its value as text, a JSON list for several texts; `default` resets it.
 * @throws RangeValueError for an unknown name and a value out of range.
 */
export function setParameter(args: GenerationArgs, name: string, text: string): GenerationArgs {
  const { takes } = find(name);
  if (text === DEFAULT) return { ...args, [name]: undefined };
  try {
    return {
      ...args,
      [name]: Reflect.apply(find(name).coerce, undefined, [takes === 'texts' ? readTexts(text) : text]),
    };
  } catch (error) {
    // Its name in a chat has no dashes.
    if (!(error instanceof RangeValueError)) throw error;
    throw new RangeValueError(error.parameter.replace(/^--/, ''), error.value, error.expected);
  }
}

/** Describes one parameter or all of them: name, value, meaning. @throws RangeValueError for an unknown name. */
export function describeParameters(args: GenerationArgs, { sampling }: ChatFormat, name?: string): string {
  const names = name === undefined ? Object.keys(PARAMETERS) : [name];
  const rows = names.map((each): [string, string, string] => {
    const { describe = '', defaultDescription = '' } = find(each);
    const set: unknown = Reflect.get(args, each);
    const advised: unknown =
      sampling &&
      Reflect.get(
        sampling,
        each.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase()),
      );
    if (set !== undefined) return [each, JSON.stringify(set), describe];
    if (advised !== undefined) return [each, `${JSON.stringify(advised)} (by the model)`, describe];
    return [each, `${defaultDescription || 'none'} (default)`, describe];
  });
  const [first, second] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(([each, value, meaning]) => `${each.padEnd(first!)}  ${value.padEnd(second!)}  ${meaning}`)
    .join('\n');
}

function find(name: string): Parameter {
  if (Object.hasOwn(PARAMETERS, name)) return PARAMETERS[name]!;
  throw new RangeValueError('parameter', name, expectedNames(name, Object.keys(PARAMETERS)));
}

function readTexts(text: string): unknown[] {
  if (!text.startsWith('[')) return [text];
  try {
    const texts: unknown = JSON.parse(text);
    if (Array.isArray(texts) && texts.length > 0 && texts.every((each) => typeof each === 'string')) return texts;
  } catch {
    // Reported below.
  }
  throw new RangeValueError('--stop', text, 'a text, or a JSON list of texts');
}
