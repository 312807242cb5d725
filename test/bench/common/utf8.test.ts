// Text files that are UTF-8, and refusals of those that are not.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readText } from '../../../bench/common/utf8.ts';

const { signal } = new AbortController();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-utf8-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function read(bytes: Buffer): Promise<string> {
  const path = join(directory, 'text.txt');
  await writeFile(path, bytes);
  return readText('--text', path, signal).catch(({ message }: Error) => message.replace(directory, ''));
}

test('a text is read as UTF-8, without its byte order mark', async () => {
  expect(await read(Buffer.from('\uFEFFein Märchen\r\n'))).toBe('ein Märchen\r\n');
  expect(await read(Buffer.from(''))).toBe('');
});

test.each([
  ['UTF-16', Buffer.from('\uFEFFa tale', 'utf16le')],
  ['UTF-16', Buffer.from('a tale', 'utf16le')],
  ['UTF-16', Buffer.from('\uFEFFa tale', 'utf16le').swap16()],
  ['invalid UTF-8', Buffer.from('ein M\u00e4rchen', 'latin1')],
])('a text in %s is refused with its flag', async (found, bytes) => {
  expect(await read(bytes)).toBe(`--text is "/text.txt" (${found}), expected a text file in UTF-8`);
});

test('a text that is missing, or a directory, is refused with its flag', async () => {
  const missing = join(directory, 'nowhere');
  const expected = 'expected a text file in UTF-8';
  await expect(readText('--text', missing, signal)).rejects.toThrow(`--text is "${missing}" (ENOENT), ${expected}`);
  await expect(readText('--text', directory, signal)).rejects.toThrow(`(EISDIR), ${expected}`);
});
