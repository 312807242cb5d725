// Flags of bench/research.ts.
import type { InferredOptionTypes } from 'yargs';
import { integerFlag, modelFlags } from '../../src/terminal/flags.ts';
import type { Script } from '../common/script.ts';

const flags = {
  ...modelFlags,
  tokens: { ...integerFlag('tokens', 2), default: 40, describe: 'tokens of the text that is patched' },
  rounds: {
    ...integerFlag('rounds', 1),
    default: 5,
    describe: 'rounds over all layers and positions; the median is reported',
  },
};

/** Values of the flags of the research benchmark by name. */
export type ResearchArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/research.ts. */
export const researchScript: Script<typeof flags> = {
  usage:
    'node bench/research.ts [flags]\n\nTimes activation patching over all layers and positions of a text, beside as many plain forward passes.',
  flags,
};
