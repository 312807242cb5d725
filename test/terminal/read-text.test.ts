// Text files that are UTF-8, and refusals of those that are not.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJsonFile, readTextFile } from '../../src/terminal/read-text.ts';

const { signal } = new AbortController();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-utf8-'));
});

afterAll(() => rm(directory, { recursive: true }));

const fileOf = (path: string) => ({ flag: '--text', path, expected: 'a text file' });

async function read(bytes: Buffer, reader: typeof readTextFile | typeof readJsonFile = readTextFile): Promise<unknown> {
  const path = join(directory, 'text.txt');
  await writeFile(path, bytes);
  return reader(fileOf(path), signal).catch(({ message }: Error) => message.replace(directory, ''));
}

test('a text is read as UTF-8, without its byte order mark', async () => {
  expect(await read(Buffer.from('\uFEFFein Märchen\r\n'))).toBe('ein Märchen\r\n');
  expect(await read(Buffer.from(''))).toBe('');
});

test.each([
  ['UTF-16', Buffer.from('\uFEFFa tale', 'utf16le')],
  ['UTF-16', Buffer.from('a tale', 'utf16le')],
  ['UTF-16', Buffer.from('\uFEFFa tale', 'utf16le').swap16()],
  ['no UTF-8', Buffer.from('ein M\u00e4rchen', 'latin1')],
])('a text in %s is refused with its flag', async (found, bytes) => {
  expect(await read(bytes)).toBe(`--text is "/text.txt", which is ${found}, expected a text in UTF-8`);
});

test('an object is read from JSON with a byte order mark or without, and anything else is refused with its flag', async () => {
  expect(await read(Buffer.from('\uFEFF{"a": 1}\n'), readJsonFile)).toEqual({ a: 1 });
  expect(await read(Buffer.from('[]'), readJsonFile)).toBe('--text is "/text.txt": file is [], expected a JSON object');
  expect(await read(Buffer.from(''), readJsonFile)).toBe(
    '--text is "/text.txt": file is not JSON, expected a JSON object',
  );
});

test('a text that is missing, a directory or without an end is refused with its flag', async () => {
  const missing = join(directory, 'nowhere');
  const expected = 'expected a text file';
  const refusal = (path: string) => readTextFile(fileOf(path), signal).catch(({ message }: Error) => message);
  expect(await refusal(missing)).toBe(`--text is "${missing}" (ENOENT), ${expected}`);
  expect(await refusal(directory)).toBe(`--text is "${directory}" (EISDIR), ${expected}`);
  expect(await refusal('/dev/zero')).toBe(`--text is "/dev/zero", which is longer than 268435456 bytes, ${expected}`);
});
