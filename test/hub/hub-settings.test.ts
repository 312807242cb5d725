// Settings of the hub: the Python client's variables mean the same here. Paths are compared with the package of the hub's authors.
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { downloadFileToCacheDir } from '@huggingface/hub';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hubCache, readHubSettings } from '../../src/hub/hub-settings.ts';
import { repoFolder } from '../../src/hub/repo-cache.ts';
import { commitNamed } from '../support/hub/hub-stub.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const VARIABLES = [
  ...['HF_HOME', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'XDG_CACHE_HOME', 'HF_ENDPOINT', 'HF_TOKEN', 'HF_TOKEN_PATH'],
  ...['HUGGING_FACE_HUB_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_HUB_DISABLE_SYMLINKS'],
];

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
});
afterEach(() => void vi.unstubAllEnvs());

/** Sets variables; those of no value are empty, which counts as unset. */
function set(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

describe('the cache', () => {
  test.each<[Record<string, string>, string]>([
    [{}, join(homedir(), '.cache/huggingface/hub')],
    [{ XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
    [{ XDG_CACHE_HOME: '/x', HF_HOME: '/h' }, '/h/hub'],
    [{ HF_HOME: '~/h' }, join(homedir(), 'h/hub')],
    [{ HF_HOME: '/h', HF_HUB_CACHE: '/c' }, '/c'],
    [{ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/d' }, '/d'],
    [{ HF_HOME: '', HF_HUB_CACHE: '' }, join(homedir(), '.cache/huggingface/hub')],
  ])('with %j is %s', (variables, path) => {
    set(variables);
    expect(hubCache()).toBe(path);
  });

  test("holds a model where the package of the hub's authors looks for it", async () => {
    const home = temporaryDirectory();
    set({ HF_HOME: home });
    const commit = commitNamed('first');
    const snapshot = join(hubCache()!, repoFolder('someone/model'), 'snapshots', commit);
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, 'config.json'), '{}');
    // It asks nobody for a file of a commit that is there.
    const found = await downloadFileToCacheDir({ repo: 'someone/model', path: 'config.json', revision: commit });
    expect(found).toBe(join(snapshot, 'config.json'));
  });
});

test('address, token, offline and links', async () => {
  const home = temporaryDirectory();
  set({ HF_HOME: home });
  const plain = {
    endpoint: 'https://huggingface.co',
    token: null,
    offline: false,
    cache: join(home, 'hub'),
    symlinks: true,
  };
  expect(await readHubSettings()).toEqual(plain);
  writeFileSync(join(home, 'token'), ' hf_ofFile\n');
  expect(await readHubSettings()).toEqual({ ...plain, token: 'hf_ofFile' });
  set({
    HF_ENDPOINT: 'http://mirror:80/hub/',
    HF_TOKEN: 'hf_own',
    HF_HUB_OFFLINE: 'yes',
    HF_HUB_DISABLE_SYMLINKS: '1',
  });
  const others = { endpoint: 'http://mirror/hub', token: 'hf_own', offline: true, symlinks: false };
  expect(await readHubSettings()).toEqual({ ...plain, ...others });
  set({ HF_TOKEN: '', HF_HUB_OFFLINE: '0', HF_TOKEN_PATH: join(home, 'nowhere') });
  expect(await readHubSettings()).toMatchObject({ token: null, offline: false });
});

test('what is none is refused by name, and a token is never shown', async () => {
  const home = temporaryDirectory();
  set({ HF_HOME: home });
  for (const address of ['huggingface.co', 'ftp://a', 'https://user:secret@a', 'https://a/?b']) {
    set({ HF_ENDPOINT: address });
    await expect(readHubSettings()).rejects.toThrow(/^HF_ENDPOINT is ".*", expected an address such as https:/);
  }
  set({ HF_ENDPOINT: '', HF_TOKEN: 'hf_secret\nx: y' });
  await expect(readHubSettings()).rejects.toThrow(
    /^HF_TOKEN: token has characters that no token has, expected letters, digits and _$/,
  );
  set({ HF_TOKEN: '', HF_TOKEN_PATH: home });
  await expect(readHubSettings()).rejects.toThrow(
    `${home}: token is unreadable (EISDIR), expected a file with a token`,
  );
});
