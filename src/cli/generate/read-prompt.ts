// The prompt of a command line: a word of it, a file, or stdin, without the line end that editors and `echo` add.
import { UsageError } from '../../terminal/flag-words.ts';
import { readStdin, readTextFile } from '../../terminal/read-text.ts';

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
 * @throws UsageError where there are two or none; InputFileError or StdinError for a text that can't be read.
 */
export async function readPrompt({ prompt, file }: PromptFlags, signal: AbortSignal): Promise<string> {
  if (prompt !== undefined && file !== undefined)
    throw new UsageError('--prompt is beside --file, expected one of them');
  if (file !== undefined && file !== STDIN) {
    const text = await readTextFile({ flag: '--file', path: file, expected: 'a file with a prompt' }, signal);
    return withoutLineEnd(text);
  }
  if (prompt !== undefined && prompt !== STDIN) return prompt;
  const isAsked = (prompt ?? file) !== undefined;
  if (!isAsked && process.stdin.isTTY)
    throw new UsageError('--prompt is missing, expected it, --file or a text on stdin');
  const text = withoutLineEnd(await readStdin(signal));
  if (!isAsked && text === '')
    throw new UsageError('--prompt is missing and stdin is empty, expected a prompt; "" is one');
  return text;
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
