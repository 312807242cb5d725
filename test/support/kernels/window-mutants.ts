// Attention whose prompts see one key more of a sliding window than decoded tokens do: the positive control of tests that compare them.
import { modelKernels } from '../../../src/models/kernels.ts';
import { type Changes, mutant } from './mutant.ts';

const window = (rows: string) => `(params.window + select(0u, 1u, ${rows} > SHARE))`;

const ONE_MORE: Changes = [
  ['seen - min(seen, params.window);\n  let table', `seen - min(seen, ${window('num_rows')});\n  let table`],
  ['- key < params.window', `- key < ${window('queries.num_rows')}`],
];

/** The kernels of a model in which a tile of several tokens sees one key more. */
export const kernelsOfTwoWindows: typeof modelKernels = {
  ...modelKernels,
  attention: mutant(modelKernels.attention, ONE_MORE),
  attentionSplit: mutant(modelKernels.attentionSplit, ONE_MORE),
};
