import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import type { LoadedModel } from '../../src/load-model.ts';
import { pcg4d } from '../../src/util/rng.ts';
import type { WaitingClock } from '../load/waiting-clock.ts';
import type { Claim } from './claim.ts';

/** A comparison of two ways to schedule, on a model. */
export interface Experiment {
  readonly name: string;
  /** Sequences per step. */
  readonly maxBatchSize: number;
  run(context: ExperimentContext): Promise<readonly Claim[]>;
}

export interface ExperimentContext {
  readonly model: Pick<LoadedModel, 'tokenizer'> & { readonly runner: Runner };
  readonly clock: WaitingClock;
  readonly signal: AbortSignal;
  /** Told what is going on. */
  readonly onProgress: (label: string) => void;
}

/** A greedy request whose prompt is `length` tokens that nothing else begins with, of the random texts number `index`. */
export function randomRequest(
  index: number,
  { vocabSize }: Pick<ModelLimits, 'vocabSize'>,
  { length, maxTokens, prefix = [] }: { length: number; maxTokens: number; prefix?: readonly number[] },
): GenerationRequest {
  const promptIds = Array.from({ length }, (_, i) => prefix[i] ?? pcg4d(index, i, 0, 0)[0] % vocabSize);
  return { promptIds, sampling: { maxTokens, temperature: 0, ignoreEos: true } };
}
