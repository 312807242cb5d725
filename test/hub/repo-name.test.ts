// Names of models of the hub: those that the hub can have are read, and no path, no way out of a directory and no typing error is one.
import { describe, expect, test } from 'vitest';
import { isFilePath, parseRepoName, readRepoName } from '../../src/hub/repo-name.ts';

describe('a name of the hub', () => {
  test.each([
    ['gpt2', 'gpt2', 'main', null],
    ['openai-community/gpt2', 'openai-community/gpt2', 'main', null],
    ['Qwen/Qwen2.5-0.5B_x', 'Qwen/Qwen2.5-0.5B_x', 'main', null],
    ['a/b@v1.0', 'a/b', 'v1.0', null],
    ['a/b@refs/pr/1', 'a/b', 'refs/pr/1', null],
    ['a/b/c.gguf', 'a/b', 'main', 'c.gguf'],
    ['a/b@v1/q4/c.gguf', 'a/b', 'v1', 'q4/c.gguf'],
  ])('%s', (name, repo, revision, file) => {
    expect(parseRepoName(name)).toEqual({ repo, revision, file });
  });

  test.each([
    [
      '',
      '.',
      '..',
      './a',
      '../a',
      '/a',
      '/a/b',
      'a/',
      'a//b',
      'a/b/c',
      '~/a',
      'C:\\a',
      'a\\b',
      'a b',
      'a/b c',
      'ä/b',
      'random:gpt2',
    ],
    ['a--b', 'a/b--c', 'a/b..c', '-a/b', 'a/-b', 'a/b.', '.a/b', 'a/b.git', `a/${'b'.repeat(96)}`, 'a/b\n', 'a/b\0'],
    [
      'a/b@',
      'a/b@x@y',
      'a/b@../x',
      'a/b@x..y',
      'a/b@/x',
      'a/b@x/',
      'a/b@x//y',
      'a/b@-x',
      'a/b@.x',
      'a/b@x.lock',
      'a/b@x y',
      'a/b@x~1',
    ],
    ['a/b/../c.gguf', 'a/b//c.gguf', 'a/b/./c.gguf', 'a/b/c\\d.gguf', 'a/b/.gguf/../x.gguf', 'a/b/\n.gguf'],
  ])('is none of %s and others of its kind', (...names) => {
    for (const name of names) expect([name, parseRepoName(name)]).toEqual([name, null]);
  });

  test('is read in time that does not grow beyond its length', () => {
    expect(parseRepoName(`${'a-.'.repeat(20_000)}!`)).toBeNull();
    expect(parseRepoName(`a/b@${'x/'.repeat(20_000)}!`)).toBeNull();
  });
});

test('a revision beside a name takes the place of the default, and may not contradict one of the name', () => {
  expect(readRepoName('a/b', 'v1').revision).toBe('v1');
  expect(readRepoName('a/b@v1', 'v1').revision).toBe('v1');
  expect(() => readRepoName('a/b@v1', 'v2')).toThrow('revision is "v2", expected that of the name, v1');
  expect(() => readRepoName('a/b', '../v2')).toThrow('revision is "../v2", expected a branch, a tag or a commit');
  expect(() => readRepoName('a b')).toThrow('repo is "a b", expected OWNER/NAME of a model of the hub');
});

test.each(['a', 'a/b.c', 'ä/b c', '...'])('%j is a path inside', (path) => expect(isFilePath(path)).toBe(true));
test.each(['', '.', '..', 'a/..', '/a', 'a/', 'a\\b', 'a:b', 'a\0'])('%j is none', (path) =>
  expect(isFilePath(path)).toBe(false),
);
