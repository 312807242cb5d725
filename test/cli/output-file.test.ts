import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkOutput, replaceFile } from '../../src/cli/output-file.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-output-'));
});
afterEach(() => rm(directory, { recursive: true }));

const at = (...names: string[]) => join(directory, ...names);

describe('checkOutput', () => {
  test('leaves a file as it was, or away, and nothing beside it', async () => {
    await writeFile(at('present'), 'kept');
    await checkOutput('--trace', at('present'));
    await checkOutput('--trace', at('missing'));
    expect(await readdir(directory)).toEqual(['present']);
    expect(await readFile(at('present'), 'utf8')).toBe('kept');
  });

  test.each([
    ['a file in a directory that is missing', () => at('nowhere', 'file'), 'ENOENT'],
    ['a directory', () => directory, 'EISDIR'],
    ['a file below a file', () => at('plain', 'file'), 'ENOTDIR'],
    ['no name', () => '', 'ENOENT'],
    ['a name beyond what the file system takes', () => at('x'.repeat(300)), 'ENAMETOOLONG'],
  ])('refuses %s, with flag, path and reason', async (_, path, code) => {
    await writeFile(at('plain'), '');
    const message = `--trace is "${path()}" (${code}), expected a file that can be written`;
    const error = { name: 'OutputFileError', message, flag: '--trace', path: path() };
    await expect(checkOutput('--trace', path())).rejects.toThrow(expect.objectContaining(error));
    await expect(replaceFile('--trace', path(), 'x')).rejects.toThrow(expect.objectContaining(error));
  });

  test('refuses a directory that may not be written', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may write everywhere');
    await mkdir(at('locked'));
    await chmod(at('locked'), 0o500);
    await expect(checkOutput('--trace', at('locked', 'file'))).rejects.toThrow('(EACCES)');
  });
});

describe('replaceFile', () => {
  test('writes a new file and replaces an old one, in pieces or whole', async () => {
    await replaceFile('--trace', at('file'), ['first ', 'and ', 'longer']);
    expect(await readFile(at('file'), 'utf8')).toBe('first and longer');
    await replaceFile('--trace', at('file'), 'second');
    expect(await readFile(at('file'), 'utf8')).toBe('second');
    expect(await readdir(directory)).toEqual(['file']);
  });

  test('leaves the old file whole when the new one fails half way', async () => {
    await writeFile(at('file'), 'old');
    function* broken() {
      yield 'half';
      throw new Error('no more');
    }
    await expect(replaceFile('--trace', at('file'), broken())).rejects.toThrow('no more');
    expect(await readFile(at('file'), 'utf8')).toBe('old');
    expect(await readdir(directory)).toEqual(['file']);
  });

  test('replaces the file that a link points to, not the link', async () => {
    await writeFile(at('file'), 'old');
    await symlink('file', at('link'));
    await replaceFile('--trace', at('link'), 'new');
    expect(await readFile(at('file'), 'utf8')).toBe('new');
    expect((await readdir(directory)).sort()).toEqual(['file', 'link']);
  });

  test('writes to a device as it is, and puts no file in its place', async (context) => {
    if (process.platform === 'win32') context.skip('no /dev/null');
    await checkOutput('--trace', '/dev/null');
    await replaceFile('--trace', '/dev/null', 'gone');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });
});
