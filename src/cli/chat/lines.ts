// Lines of the user, from wherever they come, and the entries that they make: a message of one line or several, or a command.
import { StdinError } from '../../terminal/read-text.ts';

/** Result of a line that the user has given up. */
export const CANCELLED = Symbol('cancelled');
/** Result when there are no more lines. */
export const END = Symbol('end');

/** Source of lines. */
export interface Lines extends Disposable {
  /** True where a person types them. */
  readonly isTerminal: boolean;
  /**
   * Reads a line; a text that was pasted into a terminal is one, with its line breaks.
   *
   * @param isContinued the line goes on with an entry.
   * @throws the signal's reason.
   */
  next(isContinued: boolean): Promise<string | typeof CANCELLED | typeof END>;
  /** Runs a task whose signal Ctrl-C aborts. */
  run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Entry of the user: a message or a command. */
export type Entry =
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'command'; readonly name: string; readonly argument: string };

/** Mark before and after a message of any lines. */
const QUOTES = '"""';

/**
 * Reads an entry, or null at the end. A line that ends with a backslash goes on in the next one; `"""` begins a message that the next
 * `"""` at the end of a line ends. What begins with a slash is a command; a message may begin with two for one.
 *
 * @throws StdinError for a message in `"""` that a file does not end; what `lines` throws.
 */
export async function readEntry(lines: Lines): Promise<Entry | null> {
  for (;;) {
    const first = await lines.next(false);
    if (first === END) return null;
    if (first === CANCELLED) continue;
    const entry = first.trimStart().startsWith(QUOTES) ? await readQuoted(first, lines) : await readPlain(first, lines);
    if (entry === END) return null;
    if (entry !== CANCELLED && (entry.kind === 'command' || entry.text.trim() !== '')) return entry;
  }
}

type Read = Entry | typeof CANCELLED | typeof END;

async function readQuoted(first: string, lines: Lines): Promise<Read> {
  let text = first.trimStart().slice(QUOTES.length);
  while (!text.trimEnd().endsWith(QUOTES)) {
    const next = await lines.next(true);
    if (next === END && !lines.isTerminal) throw new StdinError('stdin ends in a message, expected """ after it');
    if (typeof next !== 'string') return next;
    text += `\n${next}`;
  }
  const content = text.trimEnd().slice(0, -QUOTES.length);
  return { kind: 'message', text: content.replace(/^\n/, '').replace(/\n$/, '') };
}

async function readPlain(first: string, lines: Lines): Promise<Read> {
  // A text that was pasted is taken as it is.
  if (first.includes('\n')) return { kind: 'message', text: first };
  let text = first;
  while (text.endsWith('\\')) {
    const next = await lines.next(true);
    if (next === END) break;
    if (next === CANCELLED) return next;
    text = `${text.slice(0, -1)}\n${next}`;
  }
  const [, name, argument = ''] = /^\/(?!\/)(\S*)\s*(.*)$/s.exec(text) ?? [];
  if (name !== undefined) return { kind: 'command', name, argument: argument.trim() };
  return { kind: 'message', text: text.startsWith('//') ? text.slice(1) : text };
}
