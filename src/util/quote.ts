// Quotation of a foreign value in a message: on one line and of bounded length, whatever it is.

/** Longest quotation, in UTF-16 units, without the ellipsis. */
const MAX_LENGTH = 100;
/** Most names in a list, and most characters of each. */
const MAX_NAMED = 5;
const MAX_NAME_LENGTH = 60;

/** Shows a value on one line of at most about 100 characters: text in quotes, everything else as JavaScript prints it. */
export function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(clip(value));
  return clip(singleLine(print(value)));
}

/** Quotes the first five names and counts the others. */
export function quoteSome(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).map((name) => quote(clip(name, MAX_NAME_LENGTH)));
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return `${shown.join(', ')}${more}`;
}

/** Cuts a text beyond `length` and marks the cut with an ellipsis; never cuts through a surrogate pair. */
export function clip(text: string, length: number = MAX_LENGTH): string {
  if (text.length <= length) return text;
  const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(length - 1));
  return `${text.slice(0, splitsPair ? length - 1 : length)}…`;
}

function print(value: unknown): string {
  if (typeof value === 'function') return `function ${value.name}`.trimEnd();
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.slice(0, MAX_LENGTH).map(printElement).join(', ')}]`;
  const name = className(value);
  return name === 'Object' ? 'an object' : `an object of class ${name}`;
}

function printElement(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(clip(value)) : Array.isArray(value) ? '[…]' : print(value);
}

function className(value: object): string {
  const maker: unknown = value.constructor;
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'Object';
}

function singleLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
