// `roseinfer pull` as a process against a stub of the hub, and the pulled model in other commands.
// @module-tag sweep
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { HubStub, repoOf, type StubFile } from '../support/hub/hub-stub.ts';
import { errorsIn, runNode, startNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const REPO = 'someone/tales';
const read = (name: string, isLarge = false): StubFile => ({ bytes: readFileSync(`weights/tales/${name}`), isLarge });
const files = {
  'README.md': read('README.md'),
  'config.json': read('config.json'),
  'generation_config.json': read('generation_config.json'),
  'tokenizer.json': read('tokenizer.json'),
  'tokenizer_config.json': read('tokenizer_config.json'),
  'model.safetensors': read('model.safetensors', true),
};

let stub: HubStub;
let env: Record<string, string>;

beforeEach(async () => {
  stub = await HubStub.start();
  onTestFinished(() => stub[Symbol.asyncDispose]());
  stub.repos.set(REPO, repoOf(files));
  const none = { HF_TOKEN: '', HF_HUB_CACHE: '', HF_HUB_OFFLINE: '', HF_TOKEN_PATH: '' };
  env = { ...none, HF_HOME: temporaryDirectory(), HF_ENDPOINT: stub.url };
});

const start = (...args: string[]) => startNode(['src/cli/roseinfer.js', 'pull', ...args], { env });
const generate = (model: string, changes = {}) =>
  runNode(
    [
      'src/cli/roseinfer.js',
      'generate',
      '--model',
      model,
      '--prompt',
      'Once',
      '--temperature',
      '0',
      '--max-new-tokens',
      '4',
    ],
    { env: { ...env, ...changes } },
  );
const blobs = () => readdirSync(join(env.HF_HOME ?? '', 'hub/models--someone--tales/blobs'));

test('brings a model, which then generates without a request', async () => {
  const { status, stdout, stderr } = await start(REPO).ended;
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
  const path = stdout.trimEnd();
  expect(readdirSync(path).toSorted()).toEqual(
    Object.keys(files)
      .filter((name) => name !== 'README.md')
      .toSorted(),
  );
  expect(stderr).toMatch(/^someone\/tales main \([0-9a-f]{12}\): 14\.1 MiB, 14\.1 MiB of them fetched\n$/);
  stub.calls.length = 0;
  const own = generate('weights/tales');
  expect(own.status).toBe(0);
  expect(generate(REPO)).toEqual(own);
  expect(generate(REPO, { HF_ENDPOINT: 'http://127.0.0.1:1' })).toEqual(own);
  expect(stub.calls).toEqual([]);
});

test('goes on after Ctrl-C, which ends it with 130 and without a word', async () => {
  stub.pause = 50;
  const { child, ended } = start(REPO, '--quiet');
  const watch = setInterval(() => {
    if (!child.killed && stub.pathsAt('content').length > 0 && blobs().some((name) => name.endsWith('.incomplete')))
      child.kill('SIGINT');
  }, 20);
  const { status, stdout, stderr } = await ended;
  clearInterval(watch);
  expect({ status, stdout, stderr }).toEqual({ status: 130, stdout: '', stderr: '' });
  expect(blobs().some((name) => name.endsWith('.incomplete'))).toBe(true);
  stub.pause = 0;
  const again = await start(REPO, '--quiet').ended;
  expect(again).toEqual({ status: 0, stdout: expect.stringMatching(/snapshots.*\n$/), stderr: '' });
});

test('by two processes at once is one transfer', async () => {
  stub.pause = 20;
  const ends = await Promise.all([start(REPO, '--json').ended, start(REPO, '--json').ended]);
  expect(ends.map(({ status }) => status)).toEqual([0, 0]);
  const size = Object.values(files).reduce((sum, { bytes }) => sum + bytes.length, 0) - files['README.md'].bytes.length;
  const outcomes = ends.map(({ stdout }) => JSON.parse(stdout));
  expect(outcomes.map(({ fetched }) => fetched).toSorted()).toEqual([0, size]);
  expect(outcomes[0]).toMatchObject({ repo: REPO, revision: 'main', bytes: size });
  expect(stub.pathsAt('content')).toHaveLength(1);
});

describe('is refused with one line:', () => {
  test('a model that can not run, before its weights are asked for', async () => {
    const config = JSON.stringify({
      ...JSON.parse(Buffer.from(files['config.json'].bytes).toString()),
      model_type: 'bert',
    });
    stub.repos.set(REPO, repoOf({ ...files, 'config.json': { bytes: Buffer.from(config) } }));
    const { status, stdout, stderr } = await start(REPO).ended;
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(errorsIn(stderr)).toEqual([
      expect.stringMatching(/^someone\/tales\/config\.json: model_type is "bert", expected/),
    ]);
    expect(stub.pathsAt('content')).toEqual([]);
    expect(existsSync(join(env.HF_HOME ?? '', 'hub/models--someone--tales/refs'))).toBe(false);
  });

  test.each<[args: string[], changes: Record<string, string>, message: RegExp, code?: number]>([
    [['a b'], {}, /^--repo is "a b", expected OWNER\/NAME/],
    [['../weights'], {}, /^--repo is "\.\.\/weights", expected/],
    [[REPO, '--revision', '../x'], {}, /^--revision is "\.\.\/x", expected/],
    [[REPO, '--revision', 'v9'], {}, /^someone\/tales: revision is not found \(404/, 1],
    [['no/model'], {}, /^no\/model: model is not found \(401, RepoNotFound\)/, 1],
    [[], {}, /^--repo is missing/],
    [[REPO], { HF_HUB_OFFLINE: '1' }, /^someone\/tales: HF_HUB_OFFLINE is set/, 1],
    [[REPO], { HF_HOME: '/dev/null' }, /^\/dev\/null\/hub: cache is unusable \(ENOTDIR\), expected/, 1],
    [[REPO], { HF_ENDPOINT: 'nothing' }, /^HF_ENDPOINT is "nothing", expected/],
  ])('%j with %j', async (args, changes, message, code = 2) => {
    env = { ...env, ...changes };
    const { status, stdout, stderr } = await start(...args).ended;
    expect({ status, stdout }).toEqual({ status: code, stdout: '' });
    expect(errorsIn(stderr)).toEqual([expect.stringMatching(message)]);
  });

  test('a model that was not pulled, with the command that brings it', () => {
    const { status, stderr } = generate('someone/other');
    expect(status).toBe(1);
    expect(errorsIn(stderr)).toEqual([
      expect.stringMatching(/^someone\/other: .* roseinfer pull someone\/other brings it$/),
    ]);
  });
});

test('help has examples', () => {
  expect(runNode(['src/cli/roseinfer.js', 'pull', '--help']).stdout).toContain('roseinfer pull openai-community/gpt2');
});
