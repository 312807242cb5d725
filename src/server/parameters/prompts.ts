// One prompt or several, as texts or as ids: a list of numbers is one prompt.
import { z } from 'zod';
import { isId } from './kinds.ts';

/** A text, its ids, or a list of either. */
export type Prompts = string | readonly string[] | readonly number[] | readonly (readonly number[])[];

/** Makes the schema of prompts, at most `most` of them. @param hasEmptyText true where a text may be empty. */
export function promptsValue(expected: string, most: number, hasEmptyText = true) {
  const isText = (value: unknown) => typeof value === 'string' && (hasEmptyText || value !== '');
  return z
    .custom<Prompts>((value) => isText(value) || Array.isArray(value), { error: expected })
    .superRefine((prompts, { addIssue }) => {
      const path = typeof prompts === 'string' ? null : faultIn(prompts, most, isText);
      if (path !== null) addIssue({ code: 'custom', path, message: expected });
    });
}

/** Lists the prompts of a call. */
export function promptsOf(prompts: Prompts): readonly (string | readonly number[])[] {
  if (typeof prompts === 'string') return [prompts];
  return areIds(prompts) ? [prompts] : prompts;
}

/** Tells by the first of them, which decides what all are. */
function areIds(prompts: Exclude<Prompts, string>): prompts is readonly number[] {
  return typeof prompts[0] === 'number';
}

/** Finds the first fault of a list of ids, texts, or lists of ids: its place, empty for the list itself; null where there is none. */
function faultIn(prompts: readonly unknown[], most: number, isText: (value: unknown) => boolean): number[] | null {
  const [first] = prompts;
  const isIds = isId(first);
  if (prompts.length === 0 || (!isIds && prompts.length > most)) return [];
  const isRight = isIds ? isId : typeof first === 'string' ? isText : isIdList;
  const wrong = prompts.findIndex((each) => !isRight(each));
  return wrong < 0 ? null : [wrong];
}

function isIdList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isId);
}
