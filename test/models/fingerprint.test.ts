// The fingerprint of a model: it changes with each fact that decides which ids a seed gives.
import { expect, test } from 'vitest';
import { type FingerprintParts, fingerprintOf } from '../../src/models/fingerprint.ts';

const adapter: FingerprintParts['adapter'] = {
  name: 'a',
  backend: 'vulkan',
  driver: 'd',
  isSoftware: false,
  reduction: 'gpu',
  webgpu: 'w',
};
const PARTS: FingerprintParts = { weights: 'w', dtype: 'f32', kvDtype: 'f32', adapter, template: undefined };

test('each fact counts, the template of chats among them', () => {
  const changes: Partial<FingerprintParts>[] = [
    {},
    { weights: 'x' },
    { dtype: 'f16' },
    { kvDtype: 'f16' },
    { adapter: { ...adapter, reduction: 'software' } },
    { template: '' },
    { template: '{{ messages }}' },
  ];
  const prints = changes.map((change) => fingerprintOf({ ...PARTS, ...change }));
  expect(new Set(prints).size).toBe(changes.length);
  expect(fingerprintOf({ ...PARTS })).toBe(prints[0]);
  for (const print of prints) expect(print).toMatch(/^fp_[0-9a-f]{32}$/);
});
