// Examination of the RMS norm: ordinary and awkward rows, together and each alone.
import type { CaseRun, Examination, ExaminedCase, ModelWork } from '../examination.ts';
import { LAYERNORM_ROWS } from '../layernorm/operands.ts';
import { expectedRmsnorm } from './expected.ts';
import { rmsnormInputs, rmsnormOperands } from './operands.ts';
import { rmsnorm } from './rmsnorm.ts';

/** Examines rows as wide as the model's. */
export function examineRmsnorm(work: ModelWork): Examination {
  const kernel = work.kernel(rmsnorm);
  const M = LAYERNORM_ROWS.length;
  const cases = work
    .of(rmsnorm)
    .slice(-1)
    .map(({ dims: { C, eps } }): ExaminedCase => {
      const inputs = rmsnormInputs(1, C, eps);
      const rows = (what: string, first: number, count: number): CaseRun => ({
        what,
        start: first * C,
        run: (launch, choice) => {
          const x = inputs.x.slice(first * C, (first + count) * C);
          return launch(kernel, rmsnormOperands({ ...inputs, x }), 'out', choice);
        },
      });
      return {
        kernel,
        variants: 'model',
        expected: expectedRmsnorm(inputs),
        whole: rows(`${M} rows of ${C}`, 0, M),
        parts: LAYERNORM_ROWS.map((name, n) => rows(`${name} row of ${C} alone`, n, 1)),
      };
    });
  return { name: kernel.name, cases };
}
