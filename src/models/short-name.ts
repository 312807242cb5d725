// The name by which callers know a model: they are not told where it is.
import { basename } from 'node:path';

/** Returns the last part of a model's name, without the ending of a GGUF file. */
export function shortName(name: string): string {
  return basename(name).replace(/\.gguf$/, '');
}
