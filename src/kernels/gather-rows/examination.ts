// Examination of gathered rows: some in no order, the first, the last and one of them twice.
import type { Examination, ExaminedCase, ModelWork } from '../examination.ts';
import { expectedRows } from './expected.ts';
import { gatherRows } from './gather-rows.ts';
import { gatherInputs, gatherOperands } from './operands.ts';

/** Examines rows as wide as the model's. */
export function examineGatherRows(work: ModelWork): Examination {
  const kernel = work.kernel(gatherRows);
  const cases = work
    .of(gatherRows)
    .slice(-1)
    .map(({ dims: { C } }): ExaminedCase => {
      const inputs = gatherInputs(1, C);
      return {
        kernel,
        variants: 'model',
        expected: expectedRows(inputs),
        whole: {
          what: `${inputs.rows.length} of ${inputs.x.length / C} rows of ${C}`,
          run: (launch, choice) => launch(kernel, gatherOperands(inputs), 'out', choice),
        },
      };
    });
  return { name: kernel.name, cases };
}
