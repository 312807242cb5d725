// The places of a chat template: a file of its own, which wins as in transformers, the tokenizer's configuration, or the
// metadata of a GGUF file.
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { isJsonObject } from '../util/json.ts';
import { readJsonObject } from '../util/json-file.ts';
import { isAbsent, openRegularFile } from '../util/regular-file.ts';
import { ChatTemplateError, refuseTemplate } from './chat-template-errors.ts';
import type { GGUFMetadata } from './gguf-vocabulary.ts';

/** A template and the file that it comes from. */
export interface ChatTemplateText {
  readonly path: string;
  readonly template: string;
}

/** Longest template in UTF-16 units; published ones have up to 30,000. */
const MAX_TEMPLATE_LENGTH = 1 << 18;
const GGUF_KEY = 'tokenizer.chat_template';
/** The one of several templates that serves a chat without tools. */
const DEFAULT_NAME = 'default';

/**
 * Reads the template of a model directory; null where there is none.
 *
 * @throws ChatTemplateError for one that is no text or too long, and for several without a default.
 */
export async function readChatTemplate(dir: string): Promise<ChatTemplateText | null> {
  const file = join(dir, 'chat_template.jinja');
  if (!(await isAbsent(file))) return await readTemplateFile(file);
  const path = join(dir, 'tokenizer_config.json');
  if (await isAbsent(path)) return null;
  const config = await readJsonObject(path, (problem) => new ChatTemplateError(path, problem));
  const { chat_template: value = null } = config;
  if (value === null) return null;
  return checkTemplate(path, 'chat_template', Array.isArray(value) ? pickTemplate(path, value) : value);
}

/**
 * Reads a template from a file of its own.
 *
 * @throws ChatTemplateError for a file that can't be read, and for a template that is no text or too long.
 */
export async function readTemplateFile(path: string): Promise<ChatTemplateText> {
  return checkTemplate(path, 'file', await readText(path));
}

/**
 * Takes the template of a GGUF file from its metadata; null where there is none.
 *
 * @throws ChatTemplateError for one that is no text or too long.
 */
export function ggufChatTemplate(metadata: GGUFMetadata, path: string): ChatTemplateText | null {
  const value = metadata.get(GGUF_KEY);
  return value === undefined ? null : checkTemplate(path, GGUF_KEY, value);
}

function checkTemplate(path: string, subject: string, template: unknown): ChatTemplateText {
  if (typeof template !== 'string') throw refuseTemplate(path, subject, template, 'a template');
  if (template.length <= MAX_TEMPLATE_LENGTH) return { path, template };
  throw refuseTemplate(path, `length of ${subject}`, template.length, `at most ${MAX_TEMPLATE_LENGTH} characters`);
}

/** Picks the template named "default", or the only one. */
function pickTemplate(path: string, list: readonly unknown[]): unknown {
  const named = list.map((each, index) => {
    if (!isJsonObject(each) || typeof each.name !== 'string') {
      throw refuseTemplate(path, `chat_template[${index}]`, each, 'an object with name and template');
    }
    return each;
  });
  const picked = named.length === 1 ? named[0] : named.find(({ name }) => name === DEFAULT_NAME);
  if (picked !== undefined) return picked.template;
  throw refuseTemplate(
    path,
    'chat_template',
    named.map(({ name }) => name),
    `one named "${DEFAULT_NAME}"`,
  );
}

async function readText(path: string): Promise<string> {
  const { handle, numBytes } = await openRegularFile(
    path,
    'a template',
    (problem) => new ChatTemplateError(path, problem),
  );
  await using _ = handle;
  const longest = 4 * MAX_TEMPLATE_LENGTH; // bytes of UTF-8
  if (numBytes > longest) throw refuseTemplate(path, 'length of file', numBytes, `at most ${longest} bytes`);
  const bytes = await handle.readFile();
  if (!isUtf8(bytes))
    throw new ChatTemplateError(path, { subject: 'file', found: 'not UTF-8', expected: 'a template' });
  return bytes.toString();
}
