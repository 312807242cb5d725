// Experiment of bench/scheduling.ts: two ways to schedule on a model, and the claims about them.
import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import type { LoadedModel } from '../../src/load-model.ts';
import { pcg4d } from '../../src/util/rng.ts';
import type { WaitingClock } from '../load/waiting-clock.ts';
import type { Claim } from './claim.ts';

/** Comparison of two ways to schedule on a model. */
export interface Experiment {
  readonly name: string;
  /** Most sequences of a step. */
  readonly maxBatchSize: number;
  run(context: ExperimentContext): Promise<readonly Claim[]>;
}

/** Model and clock of an experiment. */
export interface ExperimentContext {
  readonly model: Pick<LoadedModel, 'tokenizer'> & { readonly runner: Runner };
  readonly clock: WaitingClock;
  readonly signal: AbortSignal;
  /** Called with the phase that begins. */
  readonly onProgress: (label: string) => void;
}

/** Makes a greedy request with a prompt of `length` tokens: `prefix`, then random ones that `index` determines. */
export function randomRequest(
  index: number,
  { vocabSize }: Pick<ModelLimits, 'vocabSize'>,
  { length, maxTokens, prefix = [] }: { length: number; maxTokens: number; prefix?: readonly number[] },
): GenerationRequest {
  const promptIds = Array.from({ length }, (_, i) => prefix[i] ?? pcg4d(index, i, 0, 0)[0] % vocabSize);
  return { promptIds, sampling: { maxTokens, temperature: 0, ignoreEos: true } };
}
