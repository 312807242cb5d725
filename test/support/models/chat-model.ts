// The bundled model with a chat template, for commands that chat: a directory of links beside a template.
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryDirectory } from '../temporary-directory.ts';

/** A template that names roles and ends each message with the eos. */
export const CHAT_TEMPLATE =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}<|endoftext|>{% endfor %}' +
  '{% if add_generation_prompt %}assistant: {% endif %}';

/** Makes a directory of the model that is removed when the running test has finished. */
export function chatModel(): string {
  const directory = temporaryDirectory();
  for (const name of readdirSync('weights/tales')) symlinkSync(resolve('weights/tales', name), join(directory, name));
  writeFileSync(join(directory, 'chat_template.jinja'), CHAT_TEMPLATE);
  return directory;
}
