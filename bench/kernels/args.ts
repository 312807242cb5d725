// Command line of the kernel benchmark. The model has the flags that it has in every script; its default is one of a usual size.
import type { InferredOptionTypes } from 'yargs';
import { randomNames } from '../../src/models/registry.ts';
import { choiceFlag, integerFlag, modelFlags, nameFlag, switchFlag } from '../../src/terminal/flags.ts';
import { IDLE_REPORT_FLAGS, reportFlags } from '../charts/report-files.ts';
import type { Script } from '../common/script.ts';
import { SHAPE_MODEL } from '../common/shape-model.ts';
import { ESTIMATE_CHOICES } from '../estimate/run-estimate.ts';

const flags = {
  ...modelFlags,
  model: {
    ...modelFlags.model,
    defaultDescription: SHAPE_MODEL,
    describe: `whose shapes are timed: directory with config.json, or ${randomNames()}`,
  },
  invariance: {
    ...switchFlag('invariance'),
    describe: 'time the kernels of decode steps beside controls that sum in no fixed order: the price of that order',
  },
  filter: { ...nameFlag('filter'), describe: 'time only what has this in kernel, case, M=… or variant' },
  runs: {
    ...integerFlag('runs', 1),
    default: 10,
    describe:
      'timed dispatches of each variant, after two warm-ups; rounds of kernel and best control with --invariance',
  },
  estimate: {
    ...choiceFlag('estimate', ESTIMATE_CHOICES),
    describe: 'time nothing: print an estimate for a GPU from its published figures; list prints the GPUs',
  },
  json: { ...nameFlag('json'), describe: 'file to write the results to' },
  ...reportFlags,
};

/** Checked flags of the kernel benchmark, under their names on the command line. */
export type KernelArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/kernels.ts. */
export const kernelScript: Script<typeof flags> = {
  usage:
    'node bench/kernels.ts [flags]\n\nTimes every kernel at the shapes of a model, beside what the adapter could do at best.',
  flags,
  idle: [
    ...IDLE_REPORT_FLAGS,
    { flags: ['report', 'report-svg'], isIdle: ({ estimate }) => estimate !== undefined, why: 'on an estimate' },
    { flags: ['report', 'report-svg'], isIdle: ({ invariance = false }) => invariance, why: 'with --invariance' },
    {
      flags: ['invariance', 'filter', 'runs', 'adapter', 'reduction'],
      isIdle: ({ estimate }) => estimate !== undefined,
      why: 'on an estimate',
    },
    {
      flags: ['model', 'dtype', 'kv-dtype', 'json'],
      isIdle: ({ estimate }) => estimate === 'list',
      why: 'on a list of GPUs',
    },
  ],
};
