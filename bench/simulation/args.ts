// Flags of bench/simulate.ts.
import type { InferredOptionTypes } from 'yargs';
import { UsageError } from '../../src/terminal/flag-words.ts';
import { nameFlag, nameListFlag, seedFlag } from '../../src/terminal/flags.ts';
import { IDLE_REPORT_FLAGS, reportFlags } from '../charts/report-files.ts';
import type { Script } from '../common/script.ts';
import { engineFlags } from '../load/engine-settings.ts';
import { checkLoad, loadFlags, numRequestsFlag, OPEN_LOOP } from '../load/load-flags.ts';

/** Flags of the simulator by name. */
const simulateFlags = {
  calibrate: {
    ...nameListFlag('calibrate'),
    describe: 'runs recorded by bench/run.ts --record; step times and the sizes of the runner come from them',
  },
  replay: {
    ...nameFlag('replay'),
    describe: 'a recorded run: repeat it with its own step times and compare every decision',
  },
  compare: {
    ...nameFlag('compare'),
    describe: 'another recorded run, of the same requests: print how far the simulated latencies are off',
  },
  'num-requests': { ...numRequestsFlag, default: 1000, describe: 'requests, without a --dataset' },
  seed: { ...seedFlag('seed'), default: 0, describe: 'of arrivals, lengths and the scatter of step times' },
  json: { ...nameFlag('json'), describe: 'file to write the results to' },
  ...reportFlags,
  ...engineFlags,
  'prefix-cache': { ...engineFlags['prefix-cache'], defaultDescription: 'as recorded' },
  ...loadFlags,
};

/** Values of the simulator's flags by name. */
export type SimulateArgs = InferredOptionTypes<typeof simulateFlags>;

/** Flags that have no effect on a replay, which the recorded run decides. */
const REPLAYED = [
  'report',
  'report-svg',
  'compare',
  'max-concurrency',
  ...OPEN_LOOP,
  'prefix-cache',
  'policy',
  'max-step-ms',
  'max-queued-requests',
  'max-queued-tokens',
] as const;

/** Command line of bench/simulate.ts. */
export const simulateScript: Script<typeof simulateFlags> = {
  usage: `node bench/simulate.ts --calibrate RUN [flags]
node bench/simulate.ts --replay RUN

Runs the engine, its scheduler and its KV manager in virtual time: no GPU, no waiting.`,
  flags: simulateFlags,
  idle: IDLE_REPORT_FLAGS,
  check: (args) => {
    if ((args.calibrate === undefined) === (args.replay === undefined)) {
      throw new UsageError('either --calibrate or --replay is needed');
    }
    checkLoad(args);
    const useless = REPLAYED.find((flag) => args[flag] !== undefined);
    if (args.replay !== undefined && useless !== undefined) {
      throw new UsageError(`--${useless} has no effect without --calibrate`);
    }
    const { dataset, compare, 'input-len': inputs, 'output-len': outputs } = args;
    const isDrawn = inputs !== undefined && outputs !== undefined;
    if (args.calibrate !== undefined && dataset === undefined && compare === undefined && !isDrawn) {
      throw new UsageError('--calibrate needs requests: --dataset, --compare, or --input-len and --output-len');
    }
  },
};
