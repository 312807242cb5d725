// Examination of the kernels that work on rows of logits. A row's output depends on its own row alone: so all rows together
// must have the bits of each by itself.
import type { Kernel } from '../gpu/kernel.ts';
import type { CaseRun, ExaminedCase, HostOperands } from './examination.ts';
import type { Expected } from './kernel-case.ts';

/** Rows that do not depend on each other. */
export interface IndependentRows<Row> {
  readonly rows: readonly Row[];
  readonly operands: (rows: readonly Row[]) => HostOperands;
  readonly expected: Expected;
  /** Name of the output that is judged. */
  readonly output: string;
}

/** Makes a case of all rows together and of each alone. */
export function rowCase<Row>(kernel: Kernel, { rows, operands, expected, output }: IndependentRows<Row>): ExaminedCase {
  const width = expected.want.length / rows.length;
  const run = (some: readonly Row[], what: string, start: number): CaseRun => ({
    what,
    start,
    run: (launch, choice) => launch(kernel, operands(some), output, choice),
  });
  return {
    kernel,
    variants: 'all',
    expected,
    whole: run(rows, `${rows.length} rows`, 0),
    parts: rows.map((row, r) => run([row], `row ${r} alone`, r * width)),
  };
}
