// Examination of log-probabilities: of a given id and of the most likely ones, some of which are equally likely.
import type { Examination, ModelWork } from '../examination.ts';
import { rowCase } from '../row-examination.ts';
import { expectedLogprobs } from './expected.ts';
import { logprobs } from './logprobs.ts';
import { logprobOperands, logprobRows } from './operands.ts';

/** Examines three rows of the model's vocabulary. */
export function examineLogprobs(work: ModelWork): Examination {
  const kernel = work.kernel(logprobs);
  const cases = work
    .of(logprobs)
    .slice(-1)
    .map(({ dims: { V } }) => {
      const rows = logprobRows(V, 3);
      return rowCase(kernel, { rows, operands: logprobOperands, expected: expectedLogprobs(rows), output: 'records' });
    });
  return { name: kernel.name, cases };
}
