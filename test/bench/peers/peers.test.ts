import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installPeer } from '../../../bench/peers/install.ts';
import type { peersReportJson } from '../../../bench/peers/report.ts';
import { errorsIn, runNode } from '../../support/run-node.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-no-peers-'));
});

afterAll(() => rm(directory, { recursive: true }));

/** npm may not ask anybody, and has nothing at hand. */
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
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/^decode +batch +tokens\/s +roseinfer × +equal ids$/),
      expect.stringMatching(/^roseinfer +1 +[\d.]+ +1\.00 +3\/3$/),
      expect.stringMatching(/^roseinfer +8 +[\d.]+ +1\.00 +24\/24$/),
      '',
      "llama.cpp, CPU: not run to its end: npm can't install node-llama-cpp@3.21.1 (ENOTCACHED)",
    ]);
    const json: ReturnType<typeof peersReportJson> = JSON.parse(await readFile(path, 'utf8'));
    expect(json.decode.roseinfer?.map(({ batch_size }) => batch_size)).toEqual([1, 8, 1, 8]);
    const [one, eight] = json.decode.roseinfer ?? [];
    expect(eight?.ids[0]).toEqual(one?.ids[0]);
    // The compile cache of Node and the like may be there; nothing of ours.
    expect((await readdir(temporary)).filter((name) => name.startsWith('roseinfer'))).toEqual([]);
  });

  test.each([
    [['--repeat', '0'], '--repeat is 0, expected an integer from 1 to 2147483647'],
    [['--json', 'nowhere/out.json'], '--json is "nowhere/out.json" (ENOENT), expected a file that can be written'],
    [['--model', 'nowhere'], expect.stringMatching(/^nowhere: model directory is missing/)],
    [['--adapter', 'abacus'], expect.stringMatching(/^no adapter named like "abacus"; there are: \w/)],
  ])('refuses %j with one line and 1', (flags, message) => {
    const { status, stdout, stderr } = runNode(['bench/peers.ts', ...flags], { env: offline() });
    expect({ status, stdout, errors: errorsIn(stderr) }).toEqual({ status: 1, stdout: '', errors: [message] });
  });
});

test('installPeer takes the version that is there and asks npm for another one', async () => {
  const peer = { name: 'left', version: '1.2.3' };
  const installed = join(directory, 'left', 'node_modules', 'left');
  await mkdir(installed, { recursive: true });
  await writeFile(join(installed, 'package.json'), JSON.stringify({ version: '1.2.3' }));
  const { signal } = new AbortController();
  expect(await installPeer(peer, directory, signal)).toBe(installed);
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await expect(installPeer({ ...peer, version: '2.0.0' }, directory, stop.signal)).rejects.toThrow('enough');
});
