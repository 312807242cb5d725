// Flags of an open loop, shared by the benchmark and the simulator, with the names of vLLM where it has one.
import type { InferredOptionTypes } from 'yargs';
import { UsageError } from '../../src/terminal/flag-words.ts';
import { integerFlag, nameFlag, nameListFlag, numberFlag } from '../../src/terminal/flags.ts';
import type { EngineArgs } from './engine-settings.ts';
import { parseGoodput } from './goodput.ts';
import { parseLengths } from './lengths.ts';

const EXPECTED_RATE = 'a number > 0, or inf';
const rate = numberFlag('request-rate', EXPECTED_RATE, (value) => value > 0);

function lengthsFlag(name: string) {
  return { takes: 'word' as const, nargs: 1, coerce: (raw: unknown) => parseLengths(`--${name}`, raw) };
}

/** Most requests of a run: all are made before the first one runs. */
const MAX_REQUESTS = 1_000_000;

/** Flag of the number of requests. */
export const numRequestsFlag = numberFlag(
  'num-requests',
  `an integer from 1 to ${MAX_REQUESTS}`,
  (value) => Number.isInteger(value) && value >= 1 && value <= MAX_REQUESTS,
);

/** Flags of the requests of an open loop and their arrival. */
export const loadFlags = {
  'request-rate': {
    takes: 'word' as const,
    nargs: 1,
    coerce: (raw: unknown): number | 'inf' => (raw === 'inf' ? 'inf' : rate.coerce(raw)),
    describe: 'open loop: requests per second, which arrive whatever the engine does; inf: all at once',
  },
  burstiness: {
    ...numberFlag('burstiness', 'a number > 0', (value) => value > 0),
    defaultDescription: '1',
    describe: 'shape of the gamma distribution of the gaps between arrivals; 1 is a Poisson process, less is burstier',
  },
  'input-len': {
    ...lengthsFlag('input-len'),
    describe: 'tokens of each prompt, drawn at random: N, MIN-MAX or lognormal:MEDIAN:SIGMA',
  },
  'output-len': {
    ...lengthsFlag('output-len'),
    describe: 'tokens to generate per request, past any end of text: N, MIN-MAX or lognormal:MEDIAN:SIGMA',
  },
  'shared-prefix': {
    ...integerFlag('shared-prefix', 0),
    defaultDescription: '0',
    describe: 'number of tokens at the start that all random prompts have in common',
  },
  dataset: {
    ...nameFlag('dataset'),
    describe:
      'requests from a file, one JSON object a line: timestamp_ms, output_length, and input_length or prompt; ' +
      '--request-rate replaces the timestamps, --num-requests has no effect',
  },
  'max-concurrency': {
    ...integerFlag('max-concurrency', 1),
    describe: 'most requests in the engine; while there are more, one is held back and its clock does not run',
  },
  goodput: {
    ...nameListFlag('goodput'),
    coerce: (raw: readonly unknown[]) => parseGoodput(raw),
    describe: 'ttft:MS, tpot:MS, e2e:MS: count the requests that keep these limits',
  },
};

/** Values of these flags. */
export type LoadArgs = InferredOptionTypes<typeof loadFlags>;

/** Flags that make requests arrive over time. */
export const OPEN_LOOP = ['request-rate', 'input-len', 'output-len', 'dataset'] as const;

type FlagName = keyof LoadArgs | keyof EngineArgs | 'prompt' | 'prompts';
type Given = { readonly [Flag in FlagName]?: unknown };

/** Flags that need one of others. */
const NEEDS: readonly [FlagName, readonly FlagName[]][] = [
  ['burstiness', ['request-rate']],
  ['shared-prefix', ['input-len', 'dataset']],
];

/** Pairs of flags that exclude each other. */
const RIVALS: readonly [FlagName, FlagName][] = [
  ['dataset', 'input-len'],
  ['dataset', 'output-len'],
  ['dataset', 'prompt'],
  ['dataset', 'prompts'],
  ['input-len', 'prompt'],
  ['input-len', 'prompts'],
];

/**
 * Refuses flags of the load that would have no effect.
 *
 * @throws UsageError naming them.
 */
export function checkLoad(args: Given): void {
  for (const [flag, needed] of NEEDS) checkNeeds(args, flag, needed);
  for (const [flag, rival] of RIVALS) {
    if (args[flag] !== undefined && args[rival] !== undefined) {
      throw new UsageError(`--${flag} excludes --${rival}, expected one of them`);
    }
  }
}

/**
 * Refuses flags that would have no effect when all requests arrive at the start.
 *
 * @throws UsageError naming the flag.
 */
export function checkClosedLoop(args: Given): void {
  const needy = ['max-concurrency', 'goodput', 'max-queued-requests', 'max-queued-tokens'] as const;
  for (const flag of needy) checkNeeds(args, flag, OPEN_LOOP);
}

function checkNeeds(args: Given, flag: FlagName, needed: readonly FlagName[]): void {
  if (args[flag] === undefined || needed.some((other) => args[other] !== undefined)) return;
  throw new UsageError(`--${flag} has no effect without ${needed.map((other) => `--${other}`).join(', ')}`);
}

/** Tells whether requests arrive over time (open loop), instead of all at the start (closed loop). */
export function isOpenLoop(args: LoadArgs): boolean {
  return OPEN_LOOP.some((flag) => args[flag] !== undefined);
}
