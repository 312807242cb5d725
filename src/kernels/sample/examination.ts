// Examination of the sampler: draws from rows as wide as the vocabulary, and the slots that drawn ids go to.
import type { SamplingFilters } from '../../reference/sampling.ts';
import type { Examination, ExaminedCase, ModelWork } from '../examination.ts';
import { rowCase } from '../row-examination.ts';
import { drawnId, expectedSampled, isClearDraw } from './expected.ts';
import { drawRows, type SampledRow, sampleOperands } from './operands.ts';
import { sample } from './sample.ts';

/** Filters of the drawn rows. Numbers are exact in f32. */
const FILTERS: readonly SamplingFilters[] = [
  { temperature: 0, topK: 0, topP: 1, minP: 0 },
  { temperature: 1, topK: 0, topP: 1, minP: 0 },
  { temperature: 0.75, topK: 40, topP: 0.9375, minP: 0 },
  { temperature: 1.25, topK: 0, topP: 0.5, minP: 0.015625 },
];

/** Examines rows of the model's vocabulary, and slots that run backwards. */
export function examineSample(work: ModelWork): Examination {
  const kernel = work.kernel(sample);
  const cases = work
    .of(sample)
    .slice(-1)
    .flatMap(({ dims: { V } }) => {
      const rows = FILTERS.map((filters, r) => clearRow(V, r, filters));
      const expected = expectedSampled(rows);
      const operands = sampleOperands(rows, { tokenSlots: [...rows.keys()].reverse() });
      const slots: ExaminedCase = {
        kernel,
        variants: 'all',
        expected: { ...expected, want: Float64Array.from(rows.map(drawnId).reverse()) },
        whole: { what: 'token slots', run: (launch, choice) => launch(kernel, operands, 'next_tokens', choice) },
      };
      return [rowCase(kernel, { rows, operands: sampleOperands, expected, output: 'sampled' }), slots];
    });
  return { name: kernel.name, cases };
}

/** A row with the first seed from which its draw is clear; at temperature 0 its best logits are equal. */
function clearRow(V: number, r: number, filters: SamplingFilters): SampledRow {
  const row = drawRows(V, r + 1, 2, filters)[r]!;
  if (filters.temperature === 0) for (const id of [V >> 1, V >> 2, V - 1]) row.logits[id] = 9;
  let seed = 2 ** 40 + r;
  while (!isClearDraw({ ...row, seed })) seed++;
  return { ...row, seed };
}
