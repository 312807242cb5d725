// The files of a model: inputs, which no output of a command may replace.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BUNDLED_MODEL } from './bundled-model.ts';
import { isModelFile } from './file-names.ts';
import { locateModel } from './locate-model.ts';

/**
 * Lists the paths of the files of a model, the bundled one when `name` is undefined; of a GGUF file those beside it, which may be
 * its other parts. None where there is no such directory.
 */
export async function modelFiles(name: string = BUNDLED_MODEL): Promise<string[]> {
  const path = await locateModel(name);
  const dir = path.endsWith('.gguf') ? dirname(path) : path;
  const files = await readdir(dir).catch(() => []);
  return files.filter(isModelFile).map((file) => join(dir, file));
}
