// Names of models as callers of a server or a provider see them.
import { expect, test } from 'vitest';
import { shortName } from '../../src/models/short-name.ts';

test("callers see the last part of a model's name", () => {
  const names = ['weights/tales', '/a/b/smol.gguf', 'random:gpt2', 'dir/'].map(shortName);
  expect(names).toEqual(['tales', 'smol', 'random:gpt2', 'dir']);
});
