// Flags of bench/run.ts, in a closed and an open loop.
import type { InferredOptionTypes } from 'yargs';
import { type SchedulerName, schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { UsageError } from '../../src/terminal/flag-words.ts';
import {
  choiceFlag,
  integerFlag,
  modelFlags,
  nameFlag,
  quietFlag,
  switchFlag,
  traceFlag,
  tuneFlag,
} from '../../src/terminal/flags.ts';
import type { IdleFlags } from '../../src/terminal/idle-flags.ts';
import { IDLE_REPORT_FLAGS, reportFlags } from '../charts/report-files.ts';
import type { Script } from '../common/script.ts';
import { engineFlags } from './engine-settings.ts';
import { checkClosedLoop, checkLoad, isOpenLoop, loadFlags } from './load-flags.ts';
import { IDLE_REQUEST_FLAGS, requestFlags } from './request-flags.ts';

/** Flags of the benchmark by name. */
const benchFlags = {
  ...modelFlags,
  ...tuneFlag,
  mode: {
    ...choiceFlag('mode', [...schedulerNames, 'all']),
    defaultDescription: 'all; online when requests arrive over time',
    describe: `scheduler to run: ${schedulerNames.join(', ')}, or all, which also compares their token ids`,
  },
  ...requestFlags,
  'max-batch-size': { ...integerFlag('max-batch-size', 1), default: 8, describe: 'most sequences in one step' },
  'max-batch-tokens': {
    ...integerFlag('max-batch-tokens', 1),
    defaultDescription: "the model's positions",
    describe: 'most tokens in one step; a longer prompt comes in chunks',
  },
  warmup: {
    ...integerFlag('warmup', 0),
    default: 1,
    describe: 'short runs of each mode, of at most two batches, before the clock starts',
  },
  repeat: {
    ...integerFlag('repeat', 1),
    default: 1,
    describe: 'runs of each mode, taking turns; the one with the median time is reported',
  },
  'num-blocks': {
    ...integerFlag('num-blocks', 1),
    defaultDescription: 'enough for the batch',
    describe: 'blocks in the KV pool',
  },
  'max-model-len': {
    ...integerFlag('max-model-len', 1),
    defaultDescription: "the model's positions",
    describe: 'most tokens of one request, prompt and completion',
  },
  json: { ...nameFlag('json'), describe: 'file to write the results to' },
  ...reportFlags,
  ...traceFlag,
  profile: {
    ...switchFlag('profile'),
    describe: 'instead of running requests, show where the time of a decode step and of a prefill step goes, by kernel',
  },
  ...quietFlag,
  ...engineFlags,
  ...loadFlags,
  record: {
    ...nameFlag('record'),
    describe: 'file to write arrivals and steps to, for bench/simulate.ts; in an open loop of one mode',
  },
};

/** Values of the benchmark's flags by name. */
export type BenchArgs = InferredOptionTypes<typeof benchFlags>;

/** Flags that change nothing beside others. */
const IDLE: readonly IdleFlags<BenchArgs>[] = [
  ...IDLE_REQUEST_FLAGS,
  ...IDLE_REPORT_FLAGS,
  { flags: ['seed'], isIdle: (args) => !args['do-sample'] && !isOpenLoop(args), why: 'without --do-sample' },
];

/** Command line of bench/run.ts. */
export const benchScript: Script<typeof benchFlags> = {
  usage:
    'node bench/run.ts [flags]\n\nRuns the same requests under each scheduler and compares speed and token ids, or lets them arrive over time.',
  flags: benchFlags,
  check: (args) => {
    const unwritten = args.profile
      ? (['trace', 'record', 'report', 'report-svg'] as const).find((flag) => args[flag] !== undefined)
      : undefined;
    if (unwritten !== undefined) throw new UsageError(`--${unwritten} is given with --profile, expected one of them`);
    checkLoad(args);
    checkClosedLoop(args);
    const { mode, record, repeat } = args;
    const openLoop = isOpenLoop(args);
    if (record !== undefined && (!openLoop || mode === 'all')) {
      throw new UsageError('--record needs requests that arrive over time, and one --mode');
    }
    if (openLoop && repeat > 1)
      throw new UsageError(`--repeat is ${repeat}, expected 1 when requests arrive over time`);
  },
  idle: IDLE,
};

/** Value of --mode; when not given, online for requests that arrive over time, else all. */
export function modeOf(args: BenchArgs): NonNullable<BenchArgs['mode']> {
  return args.mode ?? (isOpenLoop(args) ? 'online' : 'all');
}

/** Lists the schedulers that a run compares, in the order of the report. */
export function modesOf(args: BenchArgs): readonly SchedulerName[] {
  const mode = modeOf(args);
  return mode === 'all' ? schedulerNames : [mode];
}
