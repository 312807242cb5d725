// The list of models in a cache: each revision once, whatever else lies there.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listCache } from '../../src/hub/list-cache.ts';
import { errorOf } from '../support/error-of.ts';
import { commitNamed } from '../support/hub/hub-stub.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const [first, second] = [commitNamed('first'), commitNamed('second')];

/** Puts files of a commit into a cache. */
function addCommit(cache: string, folder: string, commit: string, files: readonly string[]): string {
  const path = join(cache, folder, 'snapshots', commit);
  for (const file of files) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), file);
  }
  return path;
}

function addRef(cache: string, folder: string, ref: string, commit: string): void {
  mkdirSync(join(cache, folder, 'refs', ref, '..'), { recursive: true });
  writeFileSync(join(cache, folder, 'refs', ref), commit);
}

test('has each branch and tag, and commits that have no name, with files and bytes', async () => {
  const cache = temporaryDirectory();
  const path = addCommit(cache, 'models--a--b', first, ['config.json', 'q4/x.gguf']);
  symlinkSync('config.json', join(path, 'same.json'));
  addCommit(cache, 'models--a--b', second, ['config.json']);
  addRef(cache, 'models--a--b', 'main', first);
  addRef(cache, 'models--a--b', 'refs/pr/1', first);
  const whole = { repo: 'a/b', commit: first, path, files: ['config.json', 'q4/x.gguf', 'same.json'], bytes: 20 };
  expect(await listCache(cache)).toEqual([
    { ...whole, revision: 'main' },
    { ...whole, revision: 'refs/pr/1' },
    expect.objectContaining({ repo: 'a/b', revision: second, commit: second, files: ['config.json'], bytes: 11 }),
  ]);
});

test('passes over what is no model: other repositories, locks, files, notes that lead nowhere and links that dangle', async () => {
  const cache = temporaryDirectory();
  for (const folder of ['datasets--a--b', '.locks', 'models--..--b', 'blobs']) addCommit(cache, folder, first, ['x']);
  writeFileSync(join(cache, 'models--a--file'), '');
  addRef(cache, 'models--a--c', 'main', first);
  const path = addCommit(cache, 'models--gpt2', first, ['x']);
  symlinkSync('../../blobs/gone', join(path, 'gone'));
  mkdirSync(join(cache, 'models--gpt2/snapshots/no-commit'));
  expect(await listCache(cache)).toEqual([
    { repo: 'gpt2', revision: first, commit: first, path, files: ['gone', 'x'], bytes: 1 },
  ]);
});

test('is empty without a cache, and refuses a file in its place', async () => {
  const cache = temporaryDirectory();
  expect(await listCache(join(cache, 'nowhere'))).toEqual([]);
  writeFileSync(join(cache, 'file'), '');
  const error = await errorOf(() => listCache(join(cache, 'file')));
  expect(error).toMatchObject({
    name: 'HubCacheError',
    message: expect.stringContaining('cache is unreadable (ENOTDIR)'),
  });
});
