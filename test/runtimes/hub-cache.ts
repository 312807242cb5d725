// One cache of models for two clients: the Python client of the hub, from PyPI, fetches a model and roseinfer uses it as it is, and
// the other way round. A stub on loopback stands in for the hub, and counts what either asks for.
//   node test/runtimes/hub-cache.ts
import { deepEqual, equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { HubStub, repoOf } from '../support/hub/hub-stub.ts';
import { findPython } from './tools.ts';

const REPO = 'someone/tales';
const NEEDED = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
];

const python = findPython();
if ('missing' in python) throw new Error(python.missing);
const { path: pythonPath } = python;
await using stub = await HubStub.start();
const files = [...NEEDED, 'README.md'].map((name) => {
  return [name, { bytes: readFileSync(`weights/tales/${name}`), isLarge: name.endsWith('.safetensors') }] as const;
});
stub.repos.set(REPO, repoOf(Object.fromEntries(files)));

/** Runs a program in a cache to its end and returns its output; it must succeed. */
async function run(home: string, command: string, args: readonly string[], others = {}): Promise<string> {
  const own = { HF_HOME: home, HF_ENDPOINT: stub.url, HF_HUB_DISABLE_TELEMETRY: '1', HF_HUB_DISABLE_UPDATE_CHECK: '1' };
  const unset = { HF_TOKEN: '', HF_HUB_CACHE: join(home, 'hub'), HF_HUB_OFFLINE: '0' };
  const env = { ...process.env, ...own, ...unset, ...others };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, status] = await Promise.all([text(child.stdout), new Promise((done) => child.on('close', done))]);
  equal(status, 0, `${command} ${args.join(' ')}`);
  return output;
}

const roseinfer = (home: string, ...args: string[]) => run(home, process.execPath, ['src/cli/roseinfer.js', ...args]);
const generate = (home: string, model: string) =>
  roseinfer(home, 'generate', '--model', model, '--prompt', 'Once', '--temperature', '0', '--max-new-tokens', '8');
const asked = () => stub.calls.splice(0).filter(({ path }) => path.includes(REPO) || path.includes('signature'));

/** Runs the Python client; returns what it tells. */
async function runPython(home: string, patterns: readonly string[], others = {}) {
  const script = join(import.meta.dirname, 'hub-cache.py');
  const report: { path: string; warnings: string[]; repos: unknown; mismatches: string[] } = JSON.parse(
    await run(home, pythonPath, [script, REPO, patterns.join(',')], others),
  );
  const { path, ...rest } = report;
  deepEqual(rest, { warnings: [], repos: [[REPO, ['main'], patterns.length]], mismatches: [] });
  return path;
}

/** Lists the model's part of a cache: names, sizes and times. */
function treeOf(home: string): string[] {
  const directory = join(home, 'hub/models--someone--tales');
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => [name, statSync(join(directory, name)).size, statSync(join(directory, name)).mtimeMs].join(' '))
    .toSorted();
}

const homes = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'hub-cache-')));
try {
  const [ofPython = '', ofRoseinfer = ''] = homes;
  const expected = await generate(ofPython, 'weights/tales');

  const fetched = await runPython(ofPython, [...NEEDED, 'README.md']);
  const before = treeOf(ofPython);
  asked();
  equal(await generate(ofPython, REPO), expected);
  deepEqual(asked(), [], 'requests of generate');
  equal((await roseinfer(ofPython, 'pull', REPO, '--quiet')).trimEnd(), fetched);
  deepEqual(
    asked()
      .map(({ path }) => path.split('/')[5]?.replace(/\?.*/, ''))
      .sort(),
    ['revision', 'tree'].sort(),
    'requests of pull',
  );
  deepEqual(treeOf(ofPython), before, 'the cache');

  const pulled = (await roseinfer(ofRoseinfer, 'pull', REPO, '--quiet')).trimEnd();
  asked();
  equal(await runPython(ofRoseinfer, NEEDED), pulled);
  const transfers = asked().filter(({ method, path }) => method === 'GET' && !path.startsWith('/api/'));
  deepEqual(transfers, [], 'transfers of the Python client');
  equal(await runPython(ofRoseinfer, NEEDED, { HF_HUB_OFFLINE: '1' }), pulled);
  deepEqual(asked(), [], 'requests of the Python client, offline');
  equal(await generate(ofRoseinfer, REPO), expected);
} finally {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
}
