// A runner without a model whose steps take some milliseconds, so that calls overlap and can be met under way.
import { setTimeout } from 'node:timers/promises';
import { FakeRunner } from '../engine/fake-runner.ts';

const STEP_MS = 3;

/** A FakeRunner that takes its time, and keeps no plans. */
export class SlowRunner extends FakeRunner {
  override async execute(plan: Parameters<FakeRunner['execute']>[0]) {
    const result = this.compute(plan);
    this.plans.length = 0;
    await setTimeout(STEP_MS);
    return result;
  }
}
