// Record of the steps of a run, for its pictures: the engine's own records, and how full the KV pool was after each.
import type { EngineWatch } from '../../src/engine/engine-options.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';

/** A step, and the blocks of the KV pool that running requests had when its result was there. */
export interface RecordedStep extends StepRecord {
  readonly numUsedBlocks: number;
}

/** Steps of a run in their order, which its engine adds while it goes on. */
export interface StepRecording {
  /** Watches the engine: as it is watched otherwise, and for the record. */
  readonly watch: EngineWatch | undefined;
  readonly steps: readonly RecordedStep[];
}

/**
 * Makes what records the steps of an engine and the timelines of its requests.
 *
 * @param watch how the engine is watched otherwise.
 * @param countUsedBlocks asked after each step.
 */
export function recordSteps(watch: EngineWatch | undefined, countUsedBlocks: () => number): StepRecording {
  const steps: RecordedStep[] = [];
  const onStep = (step: StepRecord) => {
    steps.push({ ...step, numUsedBlocks: countUsedBlocks() });
  };
  return { watch: { ...watch, observers: [...(watch?.observers ?? []), { onStep }], timeline: true }, steps };
}
