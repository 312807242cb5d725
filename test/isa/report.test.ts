// Figures and tables of a model of two kernels, from excerpts of machine code to the lines that are printed.
import { expect, test } from 'vitest';
import { DUMP } from './excerpts.ts';
import { figuresOf } from './figures.ts';
import { formatFamily } from './report.ts';
import { parseDump } from './shader-dump.ts';

const MATMUL = { label: 'matmul[ROWS=8]', kernel: 'matmul' };
const FOLD = { label: 'attention_fold[LANES=32]', kernel: 'attention_fold' };
const sizes = { K: 768, ROWS: 8, TILES: 1, X_LANES: 8, K_TILE: 0, QUADS: 0, W_F16: 1, W_Q8: 0, W_Q8_32: 0, W_Q4: 0 };
const cost = { bytes: 0, flops: 0 };
const matmuls = ['projection', 'MLP'].map((use) => ({ ...MATMUL, use, workgroups: 3, lanes: 64, sizes, cost }));
const folds = Array.from({ length: 2 }, () => ({
  ...FOLD,
  use: null,
  workgroups: 24,
  lanes: 32,
  sizes: { SPLIT_KEYS: 256, LOADS: 1 },
  cost,
}));
const figures = figuresOf({
  family: 'vega10',
  adapter: 'RADV VEGA10',
  driver: 'Mesa',
  shaders: [
    { ...MATMUL, uses: ['projection', 'MLP'] },
    { ...FOLD, uses: [] },
  ],
  steps: [
    { batch: 8, context: 64, launches: matmuls },
    { batch: 8, context: 1000, launches: [...matmuls, ...folds] },
  ],
  compiled: parseDump(DUMP),
});

test('the waits of a step are those of its dispatches', () => {
  expect(figures.steps.map(({ waits }) => waits)).toEqual([2 * 194, 2 * 194 + 2 * 4]);
});

test('the tables show each shader, each dispatch and the sums of the steps', () => {
  const lines = formatFamily(figures).map((line) => line.replaceAll(/ {2,}/g, ' | ').trim());
  expect(lines).toEqual([
    'vega10: RADV VEGA10, Mesa',
    '',
    'registers spilled scratch shared waves | loops: waits (in flight) | shader',
    '| 48 | 37 | 8960 | 0 | 5 | 1 (3) | matmul[ROWS=8]: projection, MLP',
    '| 12 | 37 | 8960 | 0 | 5 | 1 (1) | attention_fold[LANES=32]',
    '',
    'dispatches × (workgroups × lanes): waits',
    'kernel | use | batch 8, context 64 | batch 8, context 1000',
    'matmul | projection | 1 × (3 × 64): 194 | 1 × (3 × 64): 194',
    'matmul | MLP | 1 × (3 × 64): 194 | 1 × (3 × 64): 194',
    'attention_fold | – | 2 × (24 × 32): 4',
    'all | 2: 388 | 4: 396',
    'matmuls | per 32 k | 8 (3 in flight) | 8 (3 in flight)',
    '',
    'multiply-adds in the loops of matmuls: unfused in 1 of 1',
  ]);
});
