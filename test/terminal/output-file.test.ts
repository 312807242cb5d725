// Output files: whole or as before, whatever ends the process; links, pipes and devices are written as what they are.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkOutput, checkOutputs, replaceFile } from '../../src/terminal/output-file.ts';
import { quote } from '../../src/util/quote.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});

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
    ['a name of a directory that is missing', () => `${at('nowhere')}/`, 'EISDIR'],
  ])('refuses %s, with flag, path and reason', async (_, path, code) => {
    await writeFile(at('plain'), '');
    const message = `--trace is ${quote(path())} (${code}), expected a file that can be written`;
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

  test('keeps mode and owner of the old file, and gives a new one the usual mode', async () => {
    await writeFile(at('secret'), 'old');
    await chmod(at('secret'), 0o600);
    if (process.getuid?.() === 0) await chown(at('secret'), 1234, 1235);
    const { uid, gid } = await stat(at('secret'));
    await replaceFile('--trace', at('secret'), 'new');
    expect(await stat(at('secret'))).toMatchObject({ mode: 0o100600, uid, gid });
    await replaceFile('--trace', at('fresh'), 'new');
    await writeFile(at('usual'), '');
    expect((await stat(at('fresh'))).mode).toBe((await stat(at('usual'))).mode);
  });

  test('is never readable by others while a secret file is written', async () => {
    await writeFile(at('secret'), 'old');
    await chmod(at('secret'), 0o600);
    const modes: number[] = [];
    function* half(): Generator<string> {
      modes.push(...readdirSync(directory).map((name) => statSync(at(name)).mode));
      yield 'new';
    }
    await replaceFile('--trace', at('secret'), half());
    expect(modes).toEqual([0o100600, 0o100600]);
  });

  test('makes the file that a dangling link points to', async () => {
    await mkdir(at('below'));
    await symlink('below/link', at('link'));
    await symlink('file', at('below', 'link'));
    await checkOutput('--trace', at('link'));
    await replaceFile('--trace', at('link'), 'new');
    expect(await readFile(at('below', 'file'), 'utf8')).toBe('new');
    expect((await lstat(at('link'))).isSymbolicLink()).toBe(true);
  });

  test('neither follows nor minds a file in the place of an earlier draft', async () => {
    await writeFile(at('victim'), 'kept');
    for (const name of ['file.tmp', `file.${process.pid}.tmp`, `file.${process.pid}`])
      await symlink('victim', at(name));
    await checkOutput('--trace', at('file'));
    await replaceFile('--trace', at('file'), 'new');
    expect(await readFile(at('victim'), 'utf8')).toBe('kept');
    expect(await readFile(at('file'), 'utf8')).toBe('new');
  });

  test('leaves no draft when the process ends at once', async () => {
    const program = `
      import { replaceFile } from './src/terminal/output-file.ts';
      await replaceFile('--trace', ${JSON.stringify(at('file'))}, (function* () { yield 'half'; process.exit(3); })());`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
    expect({ status, files: await readdir(directory) }).toEqual({ status: 3, files: [] });
  });

  test.each([
    ['a pipe', '| cat'],
    ['a file, after what is there', '> "$0"; cat "$0"'],
  ])('writes to its own stdout where that is %s', (_, sink) => {
    const program = `
      import { checkOutput, replaceFile } from './src/terminal/output-file.ts';
      await checkOutput('--json', '/dev/stdout');
      console.log('first');
      await replaceFile('--json', '/dev/stdout', ['second\\n', 'third\\n']);
      console.log('last');`;
    const script = `"$1" --input-type=module --eval "$2" ${sink}`;
    const printed = execFileSync('sh', ['-c', script, at('file'), process.execPath, program], { encoding: 'utf8' });
    expect(printed).toBe('first\nsecond\nthird\nlast\n');
  });

  test('waits for the reader of a named pipe, and writes more than the pipe holds', async (context) => {
    if (process.platform === 'win32') context.skip('no named pipes');
    execFileSync('sh', ['-c', 'mkfifo "$0"', at('pipe')]);
    await checkOutput('--trace', at('pipe'));
    const content = 'x'.repeat(2 ** 18);
    const written = replaceFile('--trace', at('pipe'), content);
    const reader = spawn('cat', [at('pipe')]);
    expect(await text(reader.stdout)).toBe(content);
    await written;
    expect((await stat(at('pipe'))).isFIFO()).toBe(true);
  });

  test('does not keep the process from ending while a named pipe has no reader', async (context) => {
    if (process.platform === 'win32') context.skip('no named pipes');
    execFileSync('sh', ['-c', 'mkfifo "$0"', at('pipe')]);
    const program = `
      import { replaceFile } from './src/terminal/output-file.ts';
      setTimeout(() => process.exit(3), 50);
      await replaceFile('--trace', ${JSON.stringify(at('pipe'))}, 'x');`;
    const [code] = await once(spawn(process.execPath, ['--input-type=module', '--eval', program]), 'exit');
    expect(code).toBe(3);
  });

  test('reports that a device is full', async (context) => {
    if (process.platform !== 'linux') context.skip('no /dev/full');
    await expect(replaceFile('--trace', '/dev/full', 'x')).rejects.toThrow('--trace is "/dev/full" (ENOSPC)');
  });

  test('writes to a device as it is, and puts no file in its place', async (context) => {
    if (process.platform === 'win32') context.skip('no /dev/null');
    await checkOutput('--trace', '/dev/null');
    await replaceFile('--trace', '/dev/null', 'gone');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });
});

describe('checkOutputs', () => {
  const message = (flag: string, path: string, other: string) =>
    `${flag} is ${quote(path)}, expected another file than ${other} names`;

  test('takes different files, and devices as often as they are named', async () => {
    await checkOutputs({ '--json': at('a'), '--trace': at('b'), '--record': undefined }, { '--dataset': at('c') });
    await checkOutputs({ '--json': '/dev/null', '--trace': '/dev/null' }, { '--dataset': '/dev/null' });
    expect(await readdir(directory)).toEqual([]);
  });

  test.each<[string, () => Promise<string>]>([
    ['the same spelling', async () => at('file')],
    ['another spelling', async () => `${directory}/../${directory.split('/').at(-1)}//./file`],
    ['a link', () => symlink('file', at('link')).then(() => at('link'))],
    ['a link to the directory', () => symlink('.', at('here')).then(() => at('here', 'file'))],
  ])('refuses a file that two flags name, by %s, whether it is there or not', async (_, spell) => {
    const path = await spell();
    const outputs = { '--json': at('file'), '--trace': path };
    await expect(checkOutputs(outputs)).rejects.toThrow(message('--trace', path, '--json'));
    await writeFile(at('file'), 'kept');
    await expect(checkOutputs(outputs)).rejects.toThrow(message('--trace', path, '--json'));
    await expect(checkOutputs({ '--json': path }, { '--calibrate': [at('x'), at('file')] })).rejects.toThrow(
      message('--json', path, '--calibrate'),
    );
    expect(await readFile(await realpath(at('file')), 'utf8')).toBe('kept');
  });

  test('refuses two names of one file', async () => {
    await writeFile(at('file'), 'kept');
    await link(at('file'), at('other'));
    await expect(checkOutputs({ '--json': at('file'), '--trace': at('other') })).rejects.toThrow('--trace');
  });

  test('refuses an output that can not be written', async () => {
    await expect(checkOutputs({ '--json': at('nowhere', 'file') })).rejects.toThrow('(ENOENT)');
  });
});
