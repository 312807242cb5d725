// Flags of bench/context.ts.
import type { InferredOptionTypes } from 'yargs';
import { integerFlag, modelFlags } from '../../src/terminal/flags.ts';
import type { Script } from '../common/script.ts';
import { SHAPE_MODEL } from '../common/shape-model.ts';

const flags = {
  ...modelFlags,
  model: { ...modelFlags.model, defaultDescription: SHAPE_MODEL },
  rounds: { ...integerFlag('rounds', 1), default: 5, describe: 'rounds over all lengths; the median is reported' },
};

/** Values of the flags of the context benchmark by name. */
export type ContextArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/context.ts. */
export const contextScript: Script<typeof flags> = {
  usage: 'node bench/context.ts [flags]\n\nTimes the decoding of one sequence at several context lengths.',
  flags,
};
