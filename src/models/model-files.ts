// The files of a model: inputs, which no output of a command may replace.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BUNDLED_MODEL } from './resolve-model.ts';

/** Names of the files that a model is read from; its directory may hold others, such as results of a benchmark. */
const MODEL_FILE =
  /\.(safetensors(\.index\.json)?|gguf)$|^(generation_|tokenizer_)?config\.json$|^(tokenizer|special_tokens_map)\.json$|^chat_template\.jinja$/;

/**
 * Lists the paths of the files of a model, the bundled one when `name` is undefined; of a GGUF file those beside it, which may be
 * its other parts. None where there is no such directory.
 */
export async function modelFiles(name: string = BUNDLED_MODEL): Promise<string[]> {
  const dir = name.endsWith('.gguf') ? dirname(name) : name;
  const files = await readdir(dir).catch(() => []);
  return files.filter((file) => MODEL_FILE.test(file)).map((file) => join(dir, file));
}
