// The text of a thrown value, for a request's `error`: one line of bounded length, whatever the value.
import { clip, quote } from './quote.ts';

/** Longest message of a request that failed, in UTF-16 units. */
const MAX_LENGTH = 500;

/** Describes a thrown value on one line of bounded length; never empty, and never throws itself. */
export function messageOf(error: unknown): string {
  try {
    const text = textOf(error).replaceAll(/\s+/g, ' ').trim();
    return clip(text, MAX_LENGTH) || quote(error);
  } catch {
    return 'an error that can not be read';
  }
}

function textOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) {
    const { message } = error;
    if (typeof message === 'string' && message.trim() !== '') return message;
  }
  return typeof error === 'string' ? error : quote(error);
}
