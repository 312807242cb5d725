// The kernels that read and change points of a forward pass: copies, changes of rows, probabilities and sums by them.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { attentionEdited, attentionPattern } from '../../src/kernels/attention/attention-pattern.ts';
import { copyColumns } from '../../src/kernels/copy-columns/copy-columns.ts';
import { editRows } from '../../src/kernels/edit-rows/edit-rows.ts';
import { mutant } from '../support/kernels/mutant.ts';
import {
  checkCopyColumns,
  checkEdited,
  checkEditRows,
  checkPattern,
  type PatternCase,
} from '../support/kernels/point-kernels-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const COPIES = [
  { M: 1, N: 1, O: 1, first: 0, out_first: 0, count: 1 },
  { M: 5, N: 131, O: 140, first: 3, out_first: 70, count: 65 },
  { M: 3, N: 64, O: 64, first: 0, out_first: 0, count: 64 },
  // More rows than a grid has workgroups.
  { M: 65_540, N: 2, O: 1, first: 1, out_first: 0, count: 1 },
];
test.each(COPIES)('copies $count columns of $M rows', (sizes) => checkCopyColumns(device, sizes));

const EDITS = [
  { M: 1, S: 1, C: 1, R: 1 },
  { M: 9, S: 3, C: 65, R: 4 },
  { M: 20, S: 20, C: 131, R: 20 },
  { M: 65_543, S: 2, C: 1, R: 65_540 },
];
test.each(EDITS)('changes $R of $M rows of $C', (sizes) => checkEditRows(device, sizes));

const SPANS = [
  { context: 41, queries: 9 },
  { context: 1, queries: 1 },
  { context: 131, queries: 1 },
];
const PATTERNS: readonly PatternCase[] = [
  { shape: { G: 1, D: 1, P: 16, dtype: 'f32' }, spans: [{ context: 3, queries: 3 }] },
  { shape: { G: 2, SHARE: 3, D: 12, P: 5, dtype: 'f32' }, spans: SPANS },
  { shape: { G: 3, SHARE: 1, D: 33, P: 16, dtype: 'f16' }, spans: SPANS },
  { shape: { G: 2, SHARE: 2, D: 40, P: 4, dtype: 'f16', window: 7 }, spans: SPANS },
  { shape: { G: 1, SHARE: 2, D: 70, P: 16, dtype: 'f32', window: 100 }, spans: SPANS },
];
describe.each(PATTERNS)('attention of $shape', (of) => {
  test('has the probabilities of float64', () => checkPattern(device, of));
  test('sums values by changed probabilities, in the rows that have some', () => checkEdited(device, of));
});

test('sizes that do not fit are refused', async () => {
  const beyond = { M: 2, N: 8, O: 8, first: 5, out_first: 0, count: 4 };
  await expect(checkCopyColumns(device, beyond)).rejects.toThrow('copy_columns: columns [5, 9) are beyond the 8 of x');
  await expect(checkCopyColumns(device, { ...beyond, first: 0, out_first: 6 })).rejects.toThrow(
    'copy_columns: columns [6, 10) are beyond the 8 of out',
  );
});

describe('the checks above find', () => {
  const [, grouped, , windowed] = PATTERNS;

  test.each<[string, () => Promise<void>]>([
    [
      'a column too many',
      () => checkCopyColumns(device, COPIES[1]!, mutant(copyColumns, [['>= params.count', '> params.count']])),
    ],
    [
      'rows that have no workgroup',
      () => checkCopyColumns(device, COPIES[3]!, mutant(copyColumns, [['m += grid.y', 'm += params.M']])),
    ],
    [
      'modes that are swapped',
      () => checkEditRows(device, EDITS[1]!, mutant(editRows, [['const ADD = 1u', 'const ADD = 2u']])),
    ],
    [
      'a missing barrier after the scores',
      () =>
        checkPattern(
          device,
          grouped!,
          mutant(attentionPattern, [
            ['of_lanes[lane] = greatest;\n  workgroupBarrier();', 'of_lanes[lane] = greatest;'],
          ]),
        ),
    ],
    [
      'a maximum of the own keys alone',
      () => checkPattern(device, windowed!, mutant(attentionPattern, [['greatest = max(greatest, of_lanes[i]);', '']])),
    ],
    [
      'halves that are swapped',
      () => checkPattern(device, windowed!, mutant(attentionPattern, [['[d % 2u]', '[1u - d % 2u]']])),
    ],
    [
      'keys outside the window that count as changed',
      () =>
        checkEdited(
          device,
          windowed!,
          mutant(attentionEdited, [['j = first + lane; j < seen', 'j = lane; j < params.X']]),
        ),
    ],
    [
      'a last key that is not looked at',
      () =>
        checkEdited(
          device,
          windowed!,
          mutant(attentionEdited, [['j = first + lane; j < seen', 'j = first + lane; j + 1u < seen']]),
        ),
    ],
  ])('%s', async (_, check) => {
    await expect(check()).rejects.toThrow();
  });
});
