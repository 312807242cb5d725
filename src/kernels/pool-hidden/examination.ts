// Examination of sums of hidden states: all rows at once, and one row in two dispatches, as a prompt in two chunks is.
import type { Examination, ExaminedCase, Launch, ModelWork } from '../examination.ts';
import { floatsOf } from '../kernel-case.ts';
import { expectedSums } from './expected.ts';
import { type PoolInputs, poolInputs, poolOperands } from './operands.ts';
import { poolHidden } from './pool-hidden.ts';

/** Examines rows as wide as the model's. */
export function examinePoolHidden(work: ModelWork): Examination {
  const kernel = work.kernel(poolHidden);
  const cases = work
    .of(poolHidden)
    .slice(-1)
    .map(({ dims: { C } }): ExaminedCase => {
      const inputs = poolInputs(1, C);
      const [first, ...others] = inputs.rows;
      const { end, slot } = first!;
      const cut = first!.first + 4;
      const launch = (run: Launch, rows: PoolInputs['rows'], sums: Float32Array, choice: Parameters<Launch>[3]) =>
        run(kernel, poolOperands({ ...inputs, rows, sums }), 'sums', choice);
      return {
        kernel,
        variants: 'model',
        expected: expectedSums(inputs),
        whole: {
          what: `${inputs.rows.length} rows of ${C}`,
          run: (run, choice) => launch(run, inputs.rows, inputs.sums, choice),
        },
        parts: [
          {
            what: 'a row in two chunks',
            run: async (run, choice) => {
              const begun = await launch(run, [{ ...first!, end: cut }, ...others], inputs.sums, choice);
              const rest = [{ first: cut, end, slot, isContinued: true }];
              return launch(run, rest, floatsOf(begun).slice(), choice);
            },
          },
        ],
      };
    });
  return { name: kernel.name, cases };
}
