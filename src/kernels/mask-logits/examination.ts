// Examination of masks: rows as wide as the vocabulary, over logits as the model gave them and after penalties.
import type { Examination, ModelWork } from '../examination.ts';
import { rowCase } from '../row-examination.ts';
import { expectedMasked } from './expected.ts';
import { maskLogits } from './mask-logits.ts';
import { adjustedMaskedRows, maskedRows, maskOperands } from './operands.ts';

/** Examines four rows of the model's vocabulary, one of them without a mask, in both ways. */
export function examineMaskLogits(work: ModelWork): Examination {
  const kernel = work.kernel(maskLogits);
  const cases = work
    .of(maskLogits)
    .slice(-1)
    .flatMap(({ dims: { V } }) =>
      [maskedRows(V, 4), adjustedMaskedRows(V, 4)].map((rows) =>
        rowCase(kernel, { rows, operands: maskOperands, expected: expectedMasked(rows), output: 'out' }),
      ),
    );
  return { name: kernel.name, cases };
}
