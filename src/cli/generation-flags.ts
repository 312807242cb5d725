// Flags of how a completion is generated, of `roseinfer generate` and `roseinfer chat` alike, and the parameters that they set.
import type { InferredOptionTypes } from 'yargs';
import type { SamplingOptions } from '../core/sampling-params.ts';
import { integerFlag, optionalFlags, penaltyFlags, samplingFlags, seedFlag } from '../terminal/flags.ts';
import { drawFlagNames, type IdleFlags } from '../terminal/idle-flags.ts';

/** The flags by name, which are undefined where they are not given. Each command says how many tokens are then the most. */
export const generationFlags = {
  'max-new-tokens': { ...integerFlag('max-new-tokens', 1), describe: 'most tokens to generate' },
  ...optionalFlags(samplingFlags),
  ...optionalFlags(penaltyFlags),
  seed: { ...seedFlag('seed'), defaultDescription: 'drawn', describe: 'same seed, same text' },
};

/** Values of the flags. */
export type GenerationArgs = Partial<InferredOptionTypes<typeof generationFlags>>;

/** Makes the parameters of a request from the flags. */
export function samplingOf(args: GenerationArgs): SamplingOptions {
  return {
    maxTokens: args['max-new-tokens'],
    temperature: args.temperature,
    topK: args['top-k'],
    topP: args['top-p'],
    minP: args['min-p'],
    repetitionPenalty: args['repetition-penalty'],
    presencePenalty: args['presence-penalty'],
    frequencyPenalty: args['frequency-penalty'],
    minTokens: args['min-tokens'],
    stop: args.stop,
    seed: args.seed,
    ignoreEos: args['ignore-eos'],
  };
}

/** Flags that change nothing beside others. */
export const idleGenerationFlags: readonly IdleFlags<GenerationArgs>[] = [
  { flags: [...drawFlagNames, 'seed'], isIdle: ({ temperature }) => temperature === 0, why: 'at --temperature 0' },
];
