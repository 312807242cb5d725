// Flags of bench/http.ts.
import type { InferredOptionTypes } from 'yargs';
import { integerFlag, modelFlags, nameFlag, tuneFlag } from '../../src/terminal/flags.ts';
import type { Script } from '../common/script.ts';

const flags = {
  ...modelFlags,
  ...tuneFlag,
  streams: { ...integerFlag('streams', 1), default: 8, describe: 'requests at a time' },
  'max-new-tokens': { ...integerFlag('max-new-tokens', 2), default: 64, describe: 'tokens to generate per request' },
  'num-requests': {
    ...integerFlag('num-requests', 1),
    default: 40,
    describe: 'requests one after another, whose first token is timed',
  },
  rounds: {
    ...integerFlag('rounds', 1),
    default: 5,
    describe: 'rounds in which engine and HTTP take a turn each; medians are reported',
  },
  json: { ...nameFlag('json'), describe: 'file to write the results to' },
};

/** Values of these flags by name. */
export type HttpArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/http.ts. */
export const httpScript: Script<typeof flags> = {
  usage:
    'node bench/http.ts [flags]\n\nMeasures what the way through the server costs, beside the engine alone in the same process.',
  flags,
};
