// Lanes of a workgroup, read from WGSL.
import { expect, test } from 'vitest';
import { lanesOf } from '../../../bench/estimate/workgroup-lanes.ts';

test.each([
  ['a number', '@compute @workgroup_size(32) fn main() {}', 32],
  [
    'an override, by the value of the variant',
    'override LANES: u32 = 64;\n@compute @workgroup_size(LANES) fn main() {}',
    256,
  ],
  ['a constant', 'const WIDTH = 32u;\n@compute @workgroup_size(WIDTH) fn main() {}', 32],
  ['a constant of a constant', 'const LANES0 = 8;\nconst L = LANES0;\n@compute @workgroup_size(L) fn main() {}', 8],
])('are %s', (_, wgsl, lanes) => {
  expect(lanesOf(wgsl, { LANES: 256 })).toBe(lanes);
});

test('are refused where the text states none', () => {
  expect(() => lanesOf('@compute @workgroup_size(WIDTH) fn main() {}', {})).toThrow('@workgroup_size is "WIDTH"');
  expect(() => lanesOf('fn main() {}', {})).toThrow('@workgroup_size is "none"');
});
