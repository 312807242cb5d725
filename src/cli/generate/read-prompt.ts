// The prompt of a command line: a word of it, a file, or stdin, in UTF-8 and without the line end that editors and `echo` add.
import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { UsageError } from '../../terminal/flag-words.ts';
import { quote } from '../../util/quote.ts';
import { codeOf } from '../../util/regular-file.ts';

/** Name of stdin. */
const STDIN = '-';

/** Flags of a prompt. */
export interface PromptFlags {
  readonly prompt?: string | undefined;
  readonly file?: string | undefined;
}

/**
 * Reads the prompt.
 *
 * @throws UsageError where there are two or none, for a file that can't be read, and for bytes that are no UTF-8.
 */
export async function readPrompt({ prompt, file }: PromptFlags, signal: AbortSignal): Promise<string> {
  if (prompt !== undefined && file !== undefined)
    throw new UsageError('--prompt is beside --file, expected one of them');
  if (file !== undefined && file !== STDIN) {
    const bytes = await readFile(file, { signal }).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new UsageError(`--file is ${quote(file)} (${codeOf(cause)}), expected a file with a prompt`, { cause });
    });
    return decode(bytes, `--file is ${quote(file)}, which`);
  }
  if (prompt !== undefined && prompt !== STDIN) return prompt;
  const isAsked = (prompt ?? file) !== undefined;
  if (!isAsked && process.stdin.isTTY)
    throw new UsageError('--prompt is missing, expected it, --file or a text on stdin');
  const text = decode(await buffer(addAbortSignal(signal, process.stdin)), 'stdin');
  if (!isAsked && text === '')
    throw new UsageError('--prompt is missing and stdin is empty, expected a prompt; "" is one');
  return text;
}

function decode(bytes: Uint8Array, subject: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new UsageError(`${subject} is no UTF-8, expected a text in UTF-8`, { cause });
  }
}
