// The comparison as a process, without a network: roseinfer runs, and peers that can't be installed are problems in it.
// @module-tag sweep
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { installPeer, LLAMA } from '../../../bench/peers/install.ts';
import type { peersReportJson } from '../../../bench/peers/report.ts';
import { errorsIn, runNode } from '../../support/run-node.ts';
import { tinyGguf } from './tiny-gguf.ts';

/** Package node-llama-cpp without devices, whose error on loading names the file. */
const FAKE_LLAMA = `
export const getLlama = async () => ({
  getGpuDeviceNames: async () => { throw new Error('none'); },
  loadModel: async ({ modelPath }) => { throw new Error('asked for ' + modelPath); },
});`;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-no-peers-'));
});

afterAll(() => rm(directory, { recursive: true }));

/** Environment in which npm has neither a network nor a cache. */
const offline = () => ({ npm_config_offline: 'true', npm_config_cache: join(directory, 'cache') });

describe('node bench/peers.ts', () => {
  test('goes on without a peer that can’t be installed, says why in a line, and leaves nothing behind', async () => {
    const [path, temporary] = [join(directory, 'out.json'), join(directory, 'tmp')];
    await mkdir(temporary);
    const flags = ['--peer', 'llama-cpu', '--max-new-tokens', '3', '--repeat', '2', '--json', path];
    const env = { ...offline(), TMPDIR: temporary };
    const { status, stdout, stderr } = runNode(['bench/peers.ts', ...flags], { env });
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^model: weights\/tales \(f16\) · adapter .* · prompts of 8 tokens, 3 new ones, greedy$/);
    const rows = (times: string) => [
      expect.stringMatching(/^decode +batch +tokens\/s +roseinfer × +equal ids$/),
      expect.stringMatching(new RegExp(`^roseinfer +1 +[\\d.]+ +${times} +3/3$`)),
      expect.stringMatching(new RegExp(`^roseinfer +8 +[\\d.]+ +${times} +24/24$`)),
    ];
    expect(lines.slice(1)).toEqual([
      '',
      'round 1 of 2',
      ...rows('1\\.00'),
      "llama.cpp, CPU: not run to its end: npm can't install node-llama-cpp@3.21.1 (ENOTCACHED)",
      '',
      'round 2 of 2',
      // Against the median of both rounds.
      ...rows('[\\d.]+'),
      '',
      'medians of 2 rounds',
      ...rows('1\\.00'),
    ]);
    const json: ReturnType<typeof peersReportJson> = JSON.parse(await readFile(path, 'utf8'));
    expect(json.partial).toBe(false);
    expect(json.decode.roseinfer?.map(({ batch_size }) => batch_size)).toEqual([1, 8, 1, 8]);
    const [one, eight] = json.decode.roseinfer ?? [];
    expect(eight?.ids[0]).toEqual(one?.ids[0]);
    // Node's compile cache may remain, but nothing of roseinfer's.
    expect((await readdir(temporary)).filter((name) => name.startsWith('roseinfer'))).toEqual([]);
  });

  test('keeps the rows that it had when a signal ended it, marked as partial', async () => {
    const path = join(directory, 'partial.json');
    const flags = ['--peer', 'llama-cpu', '--max-new-tokens', '3', '--repeat', '100', '--json', path];
    const env = { ...process.env, ...offline() };
    const child = spawn(process.execPath, ['bench/peers.ts', ...flags], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    let stdout = '';
    for await (const data of child.stdout) {
      // A row is printed before it is saved: the row after it says that it was.
      stdout += data;
      if (!child.killed && stdout.includes('llama.cpp, CPU: not run')) child.kill('SIGINT');
    }
    expect(await exit).toEqual([130, null]);
    const json: ReturnType<typeof peersReportJson> = JSON.parse(await readFile(path, 'utf8'));
    expect(json.partial).toBe(true);
    expect(json.decode.roseinfer?.slice(0, 2).map(({ batch_size }) => batch_size)).toEqual([1, 8]);
    expect(stdout).toMatch(/\nroseinfer +8 /);
  });

  test('gives llama.cpp the GGUF file of --model itself, and multiplies no matrices of several types for others', async () => {
    // A package that only says which file it is asked for.
    const installed = join(directory, 'fake', LLAMA.name, 'node_modules', LLAMA.name, 'dist');
    await mkdir(installed, { recursive: true });
    await writeFile(join(directory, 'fake', LLAMA.name, '.installed'), LLAMA.version);
    await writeFile(join(installed, 'index.js'), FAKE_LLAMA);
    const model = join(directory, 'tiny.gguf');
    await writeFile(model, tinyGguf());
    const flags = ['--model', model, '--max-new-tokens', '3', '--peers-dir', join(directory, 'fake')];
    const { status, stdout, stderr } = runNode(['bench/peers.ts', ...flags], { env: offline() });
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect(stdout).toMatch(/^model: \S+tiny\.gguf \(f16 \+ q8_32\) /);
    expect(stdout.split('\n').filter((line) => line.includes('not run'))).toEqual([
      expect.stringMatching(/^llama\.cpp, Vulkan: not run to its end: llama\.cpp finds no Vulkan device /),
      `llama.cpp, CPU: not run to its end: asked for ${model}`,
      'ONNX Runtime, WebGPU: not run to its end: weights are f16 + q8_32, expected one type for all',
      'ONNX Runtime, CPU: not run to its end: weights are f16 + q8_32, expected one type for all',
    ]);
  });

  test.each<[flags: string[], message: unknown, code?: number]>([
    [['--repeat', '0'], '--repeat is 0, expected an integer from 1 to 2147483647', 2],
    [['--json', 'nowhere/out.json'], '--json is "nowhere/out.json" (ENOENT), expected a file that can be written'],
    [['--json', 'weights/tales/config.json'], expect.stringContaining('expected another file than --model names'), 2],
    [['--model', 'nowhere'], expect.stringMatching(/^nowhere: model directory is missing/)],
    [['--adapter', 'abacus'], expect.stringMatching(/^no adapter named like "abacus"; there are: \w/)],
  ])('refuses %j with one line, and 2 where a value is wrong', (flags, message, code = 1) => {
    const { status, stdout, stderr } = runNode(['bench/peers.ts', ...flags], { env: offline() });
    expect({ status, stdout, errors: errorsIn(stderr) }).toEqual({ status: code, stdout: '', errors: [message] });
  });
});

test('installPeer takes the version that npm was done with and asks npm for another, or for one half installed', async () => {
  const peer = { name: 'left', version: '1.2.3' };
  const installed = join(directory, 'left', 'node_modules', 'left');
  await mkdir(installed, { recursive: true });
  await writeFile(join(installed, 'package.json'), JSON.stringify({ version: '1.2.3' }));
  const { signal } = new AbortController();
  const halfInstalled = new AbortController();
  halfInstalled.abort(new Error('npm was asked'));
  await expect(installPeer(peer, directory, halfInstalled.signal)).rejects.toThrow('npm was asked');
  await writeFile(join(directory, 'left', '.installed'), '1.2.3');
  expect(await installPeer(peer, directory, signal)).toBe(installed);
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await expect(installPeer({ ...peer, version: '2.0.0' }, directory, stop.signal)).rejects.toThrow('enough');
});

test('installPeer starts npm in the directory of the package, where all that npm keeps may go', async () => {
  const npm = join(directory, 'bin', 'npm');
  await mkdir(join(directory, 'bin'));
  await writeFile(npm, '#!/bin/sh\npwd >started-in\n', { mode: 0o755 });
  vi.stubEnv('PATH', `${join(directory, 'bin')}:${process.env.PATH}`);
  await installPeer({ name: 'right', version: '1.0.0' }, directory, new AbortController().signal);
  vi.unstubAllEnvs();
  const right = join(directory, 'right');
  expect(await readFile(join(right, 'started-in'), 'utf8')).toBe(`${await realpath(right)}\n`);
});
