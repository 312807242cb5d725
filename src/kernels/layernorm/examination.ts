// Examination of layer norm: ordinary and awkward rows, together and each alone.
import type { CaseRun, Examination, ExaminedCase, ModelWork } from '../examination.ts';
import { expectedLayernorm } from './expected.ts';
import { layernorm } from './layernorm.ts';
import { LAYERNORM_ROWS, layernormInputs, layernormOperands } from './operands.ts';

/** Examines rows as wide as the model's. */
export function examineLayernorm(work: ModelWork): Examination {
  const kernel = work.kernel(layernorm);
  const M = LAYERNORM_ROWS.length;
  const cases = work
    .of(layernorm)
    .slice(-1)
    .map(({ dims: { C, eps } }): ExaminedCase => {
      const inputs = layernormInputs(1, C, eps);
      const rows = (what: string, first: number, count: number): CaseRun => ({
        what,
        start: first * C,
        run: (launch, choice) => {
          const x = inputs.x.slice(first * C, (first + count) * C);
          return launch(kernel, layernormOperands({ ...inputs, x }), 'out', choice);
        },
      });
      return {
        kernel,
        variants: 'model',
        expected: expectedLayernorm(inputs),
        whole: rows(`${M} rows of ${C}`, 0, M),
        parts: LAYERNORM_ROWS.map((name, n) => rows(`${name} row of ${C} alone`, n, 1)),
      };
    });
  return { name: kernel.name, cases };
}
