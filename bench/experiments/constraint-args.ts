// Flags of bench/constraints.ts.
import type { InferredOptionTypes } from 'yargs';
import { integerFlag, modelFlags } from '../../src/terminal/flags.ts';
import type { Script } from '../common/script.ts';
import { SHAPE_MODEL } from '../common/shape-model.ts';

const flags = {
  ...modelFlags,
  model: { ...modelFlags.model, defaultDescription: SHAPE_MODEL },
  batch: { ...integerFlag('batch', 1), default: 8, describe: 'sequences of a step' },
  rounds: { ...integerFlag('rounds', 1), default: 20, describe: 'rounds of free and constrained requests in turns' },
};

/** Values of the flags of the benchmark of constraints by name. */
export type ConstraintArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/constraints.ts. */
export const constraintScript: Script<typeof flags> = {
  usage:
    'node bench/constraints.ts [flags]\n\nTimes decode steps of free and of constrained requests, with overlap of steps and without, and the masks by their parts.',
  flags,
};
