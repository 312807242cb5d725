// Flags of the requests of a run: prompts, sampling and ends, the same for an engine in this process and for a server.
import type { InferredOptionTypes } from 'yargs';
import { integerFlag, samplingFlags, seedFlag, switchFlag, textFlag, textListFlag } from '../../src/terminal/flags.ts';
import { drawFlagNames, type IdleFlags } from '../../src/terminal/idle-flags.ts';
import { type LoadArgs, numRequestsFlag } from './load-flags.ts';

/** Flags of the requests by name. */
export const requestFlags = {
  prompt: { ...textFlag('prompt'), describe: 'prompt of every request; without it 16 built-in ones take turns' },
  prompts: { ...textListFlag('prompts'), describe: 'prompts of one request each; --num-requests has no effect then' },
  'num-requests': { ...numRequestsFlag, default: 16, describe: 'requests, all there from the start' },
  'max-new-tokens': {
    ...integerFlag('max-new-tokens', 1),
    default: 100,
    describe: 'most tokens to generate per request',
  },
  'do-sample': {
    ...switchFlag('do-sample'),
    describe: 'draw tokens as the next four flags say; without it the most likely one is taken',
  },
  ...samplingFlags,
  seed: { ...seedFlag('seed'), default: 0, describe: 'request i draws with a seed derived from this one and i' },
};

/** Values of these flags. */
export type RequestArgs = InferredOptionTypes<typeof requestFlags>;

/** Flags that say where a completion ends. */
const lengthFlagNames = ['max-new-tokens', 'ignore-eos'] as const;

/** Flags of requests and arrivals that change nothing beside others. */
export const IDLE_REQUEST_FLAGS: readonly IdleFlags<RequestArgs & LoadArgs>[] = [
  { flags: [...drawFlagNames, 'temperature'], isIdle: (args) => !args['do-sample'], why: 'without --do-sample' },
  { flags: drawFlagNames, isIdle: (args) => args.temperature === 0, why: 'at --temperature 0' },
  { flags: ['num-requests'], isIdle: (args) => args.prompts !== undefined, why: 'beside --prompts' },
  { flags: ['num-requests'], isIdle: (args) => args.dataset !== undefined, why: 'beside --dataset' },
  { flags: ['prompt'], isIdle: (args) => args.prompts !== undefined, why: 'beside --prompts' },
  { flags: lengthFlagNames, isIdle: (args) => args['output-len'] !== undefined, why: 'beside --output-len' },
  { flags: lengthFlagNames, isIdle: (args) => args.dataset !== undefined, why: 'beside --dataset' },
  { flags: ['burstiness'], isIdle: (args) => args['request-rate'] === 'inf', why: 'at --request-rate inf' },
];
