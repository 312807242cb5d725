// Environment variables: one that is set but empty counts as unset; the cache directory is absolute or passed over.
import { homedir, userInfo } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { cacheDirectory, variable } from '../../src/util/environment.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a variable that is set but empty counts as unset', () => {
  vi.stubEnv('ROSEINFER_TEST', undefined);
  expect(variable('ROSEINFER_TEST')).toBeUndefined();
  vi.stubEnv('ROSEINFER_TEST', '');
  expect(variable('ROSEINFER_TEST')).toBeUndefined();
  vi.stubEnv('ROSEINFER_TEST', '0');
  expect(variable('ROSEINFER_TEST')).toBe('0');
});

describe('cacheDirectory', () => {
  const directory = (own: string | undefined, xdg: string | undefined, home: string | undefined = '/home/rose') => {
    vi.stubEnv('ROSEINFER_CACHE', own);
    vi.stubEnv('XDG_CACHE_HOME', xdg);
    vi.stubEnv('HOME', home);
    return cacheDirectory();
  };

  test('is the first that is set', () => {
    expect(directory('/own', '/xdg')).toBe('/own');
    expect(directory(undefined, '/xdg')).toBe('/xdg/roseinfer');
    expect(directory(undefined, undefined)).toBe('/home/rose/.cache/roseinfer');
  });

  test.each(['', 'cache', './cache', '../cache', '~/cache'])('passes %j over', (told) => {
    expect(directory(told, '/xdg')).toBe('/xdg/roseinfer');
    expect(directory(undefined, told)).toBe('/home/rose/.cache/roseinfer');
    expect(directory(told, told)).toBe('/home/rose/.cache/roseinfer');
    const known = userInfo().homedir;
    expect(directory(told, told, told)).toBe(`${known}/.cache/roseinfer`);
    expect(homedir()).toBe(told);
  });
});
