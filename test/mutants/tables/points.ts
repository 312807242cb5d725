// Quick tables of the kernels that read and change points of a forward pass.
import type { Device } from '../../../src/gpu/device.ts';
import { attentionEdited, attentionPattern } from '../../../src/kernels/attention/attention-pattern.ts';
import { copyColumns } from '../../../src/kernels/copy-columns/copy-columns.ts';
import { editRows } from '../../../src/kernels/edit-rows/edit-rows.ts';
import {
  checkCopyColumns,
  checkEdited,
  checkEditRows,
  checkPattern,
  type PatternCase,
} from '../../support/kernels/point-kernels-case.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

const SPANS = [
  { context: 41, queries: 9 },
  { context: 131, queries: 1 },
];
const CASES: readonly PatternCase[] = [
  { shape: { G: 2, SHARE: 3, D: 12, P: 5, dtype: 'f32', window: 7 }, spans: SPANS },
  { shape: { G: 3, SHARE: 2, D: 70, P: 16, dtype: 'f16' }, spans: SPANS },
];

async function checkCopies(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(copyColumns);
  await checkCopyColumns(device, { M: 5, N: 131, O: 140, first: 3, out_first: 70, count: 65 }, kernel);
  await checkCopyColumns(device, { M: 65_540, N: 2, O: 1, first: 1, out_first: 0, count: 1 }, kernel);
}

async function checkEdits(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(editRows);
  await checkEditRows(device, { M: 9, S: 3, C: 65, R: 4 }, kernel);
  await checkEditRows(device, { M: 65_543, S: 2, C: 1, R: 65_540 }, kernel);
}

async function checkPatterns(device: Device, replace: Replace): Promise<void> {
  for (const of of CASES) await checkPattern(device, of, replace(attentionPattern));
}

async function checkSums(device: Device, replace: Replace): Promise<void> {
  for (const of of CASES) await checkEdited(device, of, replace(attentionEdited));
}

/** Tables of these kernels. */
export const POINT_TABLES: readonly Table[] = [
  { shaders: ['copy_columns'], check: checkCopies },
  { shaders: ['edit_rows'], check: checkEdits },
  { shaders: ['attention_pattern'], check: checkPatterns },
  { shaders: ['attention_edited'], check: checkSums },
];
