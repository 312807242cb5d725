// The matmul that writes keys and values: the bits of matmul and kv_write one after the other.
// @module-tag sweep
import { describe, expect, test } from 'vitest';
import type { KVDType } from '../../src/kernels/kv-write/kv-write.ts';
import { fillsKVRow, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import { checkMatmulKVWrite, type ProjectionShape } from '../support/kernels/matmul-kv-write-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';

const devices = new TestDevices();

const SHAPE: ProjectionShape = { M: 5, K: 20, G: 3, D: 8, P: 5, numBlocks: 9, dtype: 'f16', weights: 'f16' };

/** Heads that end inside a tile and inside a lane's tiles, and heads wider than a tile; and the keys with which npm test has them. */
const SHAPES = [
  { G: 3, D: 8, P: 5, weights: 'f16', ROWS: 8, quick: 'f16' },
  { G: 1, D: 8, P: 16, weights: 'q8', ROWS: 2, quick: 'f32' },
  { G: 2, D: 64, P: 16, weights: 'f32', ROWS: 1, quick: 'f16' },
  { G: 5, D: 40, P: 1, weights: 'f16', ROWS: 4, quick: 'f32' },
] as const;

describe.each(['f32', 'f16'] as const)(
  'matmul_kv_write leaves the words that matmul and kv_write leave, keys of %s',
  (dtype) => {
    for (const { ROWS, quick, ...shape } of SHAPES) {
      const { G, D, P, weights } = shape;
      const title = `G ${G}, D ${D}, P ${P}, weights of ${weights}, ${ROWS} rows a lane`;
      test(title, { tags: dtype === quick ? [] : ['slow'] }, async () => {
        for (const M of [1, 2, 9]) {
          await checkMatmulKVWrite(devices.auto, { ...SHAPE, ...shape, dtype, M }, matmulKVWrite, {
            constants: { ROWS },
          });
        }
      });
    }

    test('on a device without optional features', () =>
      checkMatmulKVWrite(devices.base, { ...SHAPE, dtype }, matmulKVWrite, { constants: { ROWS: 4 } }));
  },
);

test('heads of four elements fill the rows of a cache of f32', () =>
  checkMatmulKVWrite(devices.auto, { ...SHAPE, D: 4, dtype: 'f32' }));

test('so it does however many tiles and lanes share the work', async () => {
  for (const tuning of [{ constants: { TILES: 1 } }, { constants: { TILES: 2 }, overrides: { LANES: 64 } }]) {
    await checkMatmulKVWrite(devices.auto, { ...SHAPE, G: 5, D: 40 }, matmulKVWrite, tuning);
  }
});

describe('matmul_kv_write refuses', () => {
  const run = (shape: Partial<ProjectionShape>, choice = {}) =>
    checkMatmulKVWrite(devices.auto, { ...SHAPE, ...shape }, matmulKVWrite, choice);

  test.each([
    { D: 12, dtype: 'f16', multiple: 8 },
    { D: 6, dtype: 'f32', multiple: 4 },
  ] as const)('heads of $D elements of $dtype, which end in zeros', async ({ D, dtype, multiple }) => {
    const message = `matmul_kv_write: D is ${D}, expected a multiple of ${multiple} for keys of ${dtype}`;
    await expect(run({ D, dtype })).rejects.toThrow(message);
  });

  test('an activation', async () => {
    const message = 'matmul_kv_write: GELU is true, expected no epilogue';
    await expect(run({}, { conditions: { GELU: true } })).rejects.toThrow(message);
  });
});

test.each<[number, KVDType, boolean]>([
  [4, 'f32', true],
  [7, 'f32', false],
  [64, 'f32', true],
  [4, 'f16', false],
  [12, 'f16', false],
  [64, 'f16', true],
])('whether heads of %i fill the rows of a cache of %s', (D, dtype, fills) => {
  expect(fillsKVRow(D, dtype)).toBe(fills);
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes; message: RegExp }>([
    {
      fault: 'padding that is written',
      changes: [['m >= params.M || slot_mapping[m] < 0', 'm >= params.M']],
      message: /kv: word|kv, .* words differ/,
    },
    {
      fault: 'a bias that is left out',
      changes: [['(*sums)[t * ROWS + r] + biases);', '(*sums)[t * ROWS + r]);']],
      message: /kv, /,
    },
    {
      fault: 'values in the place of keys',
      changes: [['(n - num_q_columns()) / params.D;', '(n - num_q_columns()) / params.D % params.G;']],
      message: /kv, /,
    },
    {
      fault: 'keys that go to the output, too',
      changes: [['      continue;\n    }\n    for (var j', '    }\n    for (var j']],
      message: /out, /,
    },
  ])('$fault', async ({ changes, message }) => {
    await expect(checkMatmulKVWrite(devices.auto, SHAPE, mutant(matmulKVWrite, changes))).rejects.toThrow(message);
  });
});
