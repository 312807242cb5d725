// Examination of bias, penalties and mask: rows as wide as the vocabulary, a newest id on the GPU only.
import type { Examination, ModelWork } from '../examination.ts';
import { rowCase } from '../row-examination.ts';
import { adjustLogits } from './adjust-logits.ts';
import { expectedAdjustment } from './expected.ts';
import { adjustedRows, adjustOperands } from './operands.ts';

/** Examines three rows of the model's vocabulary. */
export function examineAdjustLogits(work: ModelWork): Examination {
  const kernel = work.kernel(adjustLogits);
  const cases = work
    .of(adjustLogits)
    .slice(-1)
    .map(({ dims: { V } }) => {
      // The rows of the eight that have a mask.
      const rows = adjustedRows(V, 8).slice(-3);
      return rowCase(kernel, { rows, operands: adjustOperands, expected: expectedAdjustment(rows), output: 'out' });
    });
  return { name: kernel.name, cases };
}
