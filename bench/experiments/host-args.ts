// Flags of bench/host.ts.
import type { InferredOptionTypes } from 'yargs';
import { integerFlag, modelFlags } from '../../src/terminal/flags.ts';
import type { Script } from '../common/script.ts';
import { SHAPE_MODEL } from '../common/shape-model.ts';

const flags = {
  model: { ...modelFlags.model, defaultDescription: SHAPE_MODEL },
  dtype: modelFlags.dtype,
  'kv-dtype': modelFlags['kv-dtype'],
  rounds: { ...integerFlag('rounds', 1), default: 20, describe: 'rounds over all steps; the least time is reported' },
};

/** Values of the flags of the host benchmark by name. */
export type HostArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/host.ts. */
export const hostScript: Script<typeof flags> = {
  usage:
    'node bench/host.ts [flags]\n\nCounts what a decode step asks of WebGPU, and times it without a GPU: on a backend that runs nothing.',
  flags,
};
