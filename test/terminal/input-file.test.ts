// Input from pipes with and without a name: none keeps the process from ending.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openInput } from '../../src/terminal/input-file.ts';
import { runNode } from '../support/run-node.ts';

let directory: string;
let pipe: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-input-'));
  pipe = join(directory, 'pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
});

afterAll(() => rm(directory, { recursive: true }));

test('a named pipe is read to its end, whenever its writer comes', async () => {
  const { signal } = new AbortController();
  const stream = await openInput(pipe, signal);
  const content = 'a tale\n'.repeat(50_000);
  const [read] = await Promise.all([text(stream), writeFile(pipe, content)]);
  expect(read).toBe(content);
});

test('a signal ends the wait for a named pipe without a writer, and the process ends by itself', () => {
  const script = `import { text } from 'node:stream/consumers';
    import { openInput } from './src/terminal/input-file.ts';
    const stream = await openInput(${JSON.stringify(pipe)}, AbortSignal.timeout(10));
    await text(stream).catch(({ name }) => console.log(name));`;
  expect(runNode(['--input-type=module', '-e', script])).toEqual({ status: 0, stdout: 'AbortError\n', stderr: '' });
});

test('a pipe without a name is read to its end, though its writer has gone', () => {
  const script = `import { text } from 'node:stream/consumers';
    import { openInput } from './src/terminal/input-file.ts';
    console.log(await text(await openInput('/dev/stdin', new AbortController().signal)));`;
  const line = 'printf "a tale" | { sleep 0.1; "$0" --input-type=module -e "$1"; }';
  const stdout = execFileSync('sh', ['-c', line, process.execPath, script], { encoding: 'utf8' });
  expect(stdout).toBe('a tale\n');
});

test('a missing file is an error', async () => {
  const missing = openInput(join(directory, 'nowhere'), new AbortController().signal);
  await expect(missing).rejects.toThrow('ENOENT');
});
