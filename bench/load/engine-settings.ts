// Settings of an engine in a benchmark: flags, recorded runs and engine options have the same ones.
import type { InferredOptionTypes } from 'yargs';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { type QueuePolicyName, queuePolicyNames } from '../../src/scheduler/create-scheduler.ts';
import { choiceFlag, integerFlag, numberFlag, switchFlag } from '../../src/terminal/flags.ts';

/** Settings of scheduling, without the name of the scheduler. */
export interface EngineSettings
  extends Pick<EngineOptions, 'prefixCache' | 'maxStepMs' | 'maxQueuedRequests' | 'maxQueuedTokens'> {
  readonly policy?: QueuePolicyName | undefined;
}

/** Makes the options of an engine with these settings. */
export function engineOptions({ policy, ...options }: EngineSettings) {
  return { ...options, queuePolicy: policy } satisfies Partial<EngineOptions>;
}

/** Settings by default. The prefix cache is off: it makes later requests cheaper, so schedulers would not compare. */
export const DEFAULT_SETTINGS: EngineSettings = { prefixCache: false };

/** Flags of the settings. */
export const engineFlags = {
  'prefix-cache': { ...switchFlag('prefix-cache'), describe: 'share the blocks of prompts that begin alike' },
  policy: {
    ...choiceFlag('policy', queuePolicyNames),
    defaultDescription: 'fcfs',
    describe: `which waiting request is next: ${queuePolicyNames.join(', ')}`,
  },
  'max-step-ms': {
    ...numberFlag('max-step-ms', 'a number > 0', (value) => value > 0),
    describe: 'cut prompts into chunks so that a step takes about this time',
  },
  'max-queued-requests': {
    ...integerFlag('max-queued-requests', 0),
    describe: 'most requests that may wait; further ones are refused',
  },
  'max-queued-tokens': {
    ...integerFlag('max-queued-tokens', 0),
    describe: 'most prompt tokens that may wait; requests beyond that are refused',
  },
};

/** Values of these flags. */
export type EngineArgs = InferredOptionTypes<typeof engineFlags>;

/** Merges the flags over `defaults`. */
export function engineSettings(args: EngineArgs, defaults: EngineSettings = DEFAULT_SETTINGS): EngineSettings {
  return {
    policy: args.policy ?? defaults.policy,
    prefixCache: args['prefix-cache'] ?? defaults.prefixCache,
    maxStepMs: args['max-step-ms'] ?? defaults.maxStepMs,
    maxQueuedRequests: args['max-queued-requests'] ?? defaults.maxQueuedRequests,
    maxQueuedTokens: args['max-queued-tokens'] ?? defaults.maxQueuedTokens,
  };
}
