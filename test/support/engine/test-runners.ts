// Runners of the engine's tests, none with a GPU: steps that wait for the test, fail on purpose, follow a script or
// take time on a clock of their own.
import { setImmediate } from 'node:timers/promises';
import type { BatchPlan } from '../../../src/core/batch-plan.ts';
import type { Clock } from '../../../src/core/clock.ts';
import type { ModelLimits, StepResult } from '../../../src/core/runner.ts';
import { FakeRunner, fakeCompletion } from './fake-runner.ts';
import type { RandomAutomaton } from './random-automaton.ts';

/** Vocabulary and eos of weights/tales. */
export const VOCAB = 8192;
export const EOS = 8191;

/** A FakeRunner that samples ids which the tales tokenizer knows. */
export function talesRunner(limits: Partial<ModelLimits> = {}): FakeRunner {
  return new FakeRunner({ vocabSize: VOCAB, ...limits });
}

export interface Prompt {
  readonly promptIds: readonly number[];
  readonly sampling: { readonly seed: number; readonly maxTokens: number; readonly presencePenalty?: number };
}

/** Computes the ids of a request that runs alone. */
export function completion(prompt: Prompt): number[] {
  return constrainedCompletion(prompt, null);
}

/** Computes the ids of a request that runs alone under the rule of an automaton. */
export function constrainedCompletion({ promptIds, sampling }: Prompt, automaton: RandomAutomaton | null): number[] {
  const { seed, maxTokens, presencePenalty = 0 } = sampling;
  const countsOutput = presencePenalty !== 0;
  const allowed = automaton && ((ids: readonly number[]) => automaton.idsAfter(ids));
  return fakeCompletion({
    ...{ promptIds, seed, maxTokens, countsOutput, eosIds: [EOS], vocabSize: VOCAB },
    ...(allowed && { allowed }),
  });
}

/** A request for at most 12 tokens that meets its eos as token 3 to 9. */
export function promptThatStops(): Prompt {
  for (let seed = 0; ; seed++) {
    const prompt = { promptIds: [1, 2, 3], sampling: { seed, maxTokens: 12 } };
    const { length } = completion(prompt);
    if (length >= 3 && length <= 9) return prompt;
  }
}

/** A runner whose steps settle when the test releases them, oldest first. */
export class HeldRunner extends FakeRunner {
  readonly #held: { readonly result: StepResult; readonly deferred: PromiseWithResolvers<StepResult> }[] = [];

  constructor(limits: Partial<ModelLimits> = {}) {
    super({ vocabSize: VOCAB, ...limits });
  }

  override execute(plan: BatchPlan): Promise<StepResult> {
    const deferred = Promise.withResolvers<StepResult>();
    this.#held.push({ result: this.compute(plan), deferred });
    return deferred.promise;
  }

  get numHeld(): number {
    return this.#held.length;
  }

  settle(): void {
    const step = this.#held.shift();
    step?.deferred.resolve(step.result);
  }

  fail(message: string): void {
    this.#held.shift()?.deferred.reject(new Error(message));
  }
}

/** A runner with `fault` in step number `faultyStep`, counted from 0, or in the steps for which that function holds. */
export class FaultyRunner extends FakeRunner {
  readonly #isFaulty: (step: number) => boolean;
  readonly #fault: (result: StepResult) => Promise<StepResult>;

  constructor(
    faultyStep: number | null | ((step: number) => boolean),
    fault: (result: StepResult) => Promise<StepResult>,
    limits: Partial<ModelLimits> = {},
  ) {
    super({ vocabSize: VOCAB, ...limits });
    this.#isFaulty = typeof faultyStep === 'function' ? faultyStep : (step) => step === faultyStep;
    this.#fault = fault;
  }

  override execute(plan: BatchPlan): Promise<StepResult> {
    const isFaulty = this.#isFaulty(this.plans.length);
    const result = this.compute(plan);
    return isFaulty ? this.#fault(result) : Promise.resolve(result);
  }
}

/** A runner that gives the ids of a script to the one request that runs; its prompt is a single token. */
export class ScriptedRunner extends FakeRunner {
  readonly #script: readonly number[];

  constructor(script: readonly number[]) {
    super({ vocabSize: VOCAB });
    this.#script = script;
  }

  override compute(plan: BatchPlan): StepResult {
    const { finite } = super.compute(plan);
    return { finite, ids: Int32Array.from(plan.samplingRows, ({ position }) => this.#script[position - 1] ?? 0) };
  }
}

/** A clock that stands still until a test moves it. */
export class TestClock implements Clock {
  time = 0;

  now(): number {
    return this.time;
  }
}

/**
 * A runner whose steps run one after another, each for a time by its tokens, on a clock that moves when a result
 * arrives. With overlap the next step is submitted before.
 */
export class TimedRunner extends FakeRunner implements Clock {
  readonly #stepMs: (numTokens: number) => number;
  #time = 0;
  #free = 0;
  #last = Promise.resolve();

  constructor(stepMs: (numTokens: number) => number, limits: Partial<ModelLimits> = {}) {
    super({ vocabSize: VOCAB, ...limits });
    this.#stepMs = stepMs;
  }

  now(): number {
    return this.#time;
  }

  /** Advances the clock. */
  wait(milliseconds: number): void {
    this.#time += milliseconds;
  }

  override async execute(plan: BatchPlan): Promise<StepResult> {
    const result = this.compute(plan);
    this.#free = Math.max(this.#free, this.#time) + this.#stepMs(plan.numTokens);
    const end = this.#free;
    this.#last = this.#last.then(async () => {
      // Turns of the event loop: the engine's loop takes one for each turn.
      for (let turn = 0; turn < 2; turn++) await setImmediate();
      this.#time = Math.max(this.#time, end);
    });
    await this.#last;
    return result;
  }
}
