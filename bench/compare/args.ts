// Command line of bench/report.ts.
import type { InferredOptionTypes } from 'yargs';
import { nameFlag } from '../../src/terminal/flags.ts';
import { IDLE_REPORT_FLAGS, reportFlags } from '../charts/report-files.ts';
import type { Script } from '../common/script.ts';

const flags = {
  first: {
    ...nameFlag('first'),
    demandOption: true as const,
    describe: 'results of bench/run.ts --json, when no FIRST is given',
  },
  second: { ...nameFlag('second'), demandOption: true as const, describe: 'others, when no SECOND is given' },
  ...reportFlags,
  json: { ...nameFlag('json'), describe: 'file to write the comparison to' },
};

/** Values of the flags of bench/report.ts by name. */
export type CompareArgs = InferredOptionTypes<typeof flags>;

/** Command line of bench/report.ts. */
export const compareScript: Script<typeof flags> = {
  usage:
    'node bench/report.ts FIRST.json SECOND.json [flags]\n\nCompares two runs of bench/run.ts: each figure of both, and their ratio with an interval.',
  flags,
  positions: ['first', 'second'],
  idle: IDLE_REPORT_FLAGS,
};
