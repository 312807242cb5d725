// Which names of models are GGUF files: a path that ends in .gguf, or a directory that holds a single one and no config.json.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { quoteSome } from '../../util/quote.ts';
import { isAbsent } from '../../util/regular-file.ts';
import { GGUFError } from './gguf-error.ts';

const EXTENSION = '.gguf';
const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/;

/**
 * Finds the GGUF file that a model's name leads to; null where it leads to none.
 *
 * @throws GGUFError for a directory with several.
 */
export async function findGGUF(name: string): Promise<string | null> {
  if (name.endsWith(EXTENSION)) return name;
  const files = (await readdir(name).catch(() => [])).filter((file) => file.endsWith(EXTENSION)).sort();
  if (files.length === 0 || !(await isAbsent(join(name, 'config.json')))) return null;
  const [first, ...others] = files.filter((file) => !LATER_PART.test(file));
  if (others.length === 0) return join(name, first ?? files[0]!);
  const expected = 'one: the path of a file is a name, too';
  throw new GGUFError(name, { subject: 'directory', found: `of several GGUF files (${quoteSome(files)})`, expected });
}
