import type { StepRecordRow } from '../src/engine/step-record.ts';
import { RangeValueError } from '../src/util/errors.ts';
import { solveNonNegative } from './least-squares.ts';
import type { RandomStream } from './random-stream.ts';

/** What the time of a step depends on of each of its rows. */
export type StepRow = Omit<StepRecordRow, 'requestId'>;

/** What the time of a step grows with; each is summed over its rows. */
const FEATURES = {
  'prefill tokens': ({ numTokens }: StepRow) => (numTokens > 1 ? numTokens : 0),
  'decode rows': ({ numTokens }: StepRow) => (numTokens === 1 ? 1 : 0),
  'keys read by decode rows': ({ start, numTokens }: StepRow) => (numTokens === 1 ? start + 1 : 0),
  // Token i of a row reads the start + i + 1 keys up to itself.
  'keys read by prefill tokens': ({ start, numTokens: n }: StepRow) => (n > 1 ? n * start + (n * (n + 1)) / 2 : 0),
  'sampled rows': ({ samples }: StepRow) => (samples ? 1 : 0),
};

const featureNames: readonly string[] = ['step', ...Object.keys(FEATURES)];

function featuresOf(rows: readonly StepRow[]): number[] {
  return [1, ...Object.values(FEATURES).map((feature) => rows.reduce((sum, row) => sum + feature(row), 0))];
}

/** A step that ran. */
export interface MeasuredStep {
  readonly rows: readonly StepRow[];
  /** What it took on the device. */
  readonly milliseconds: number;
}

/** Rounds of fitting; each weighs the steps by the times that the one before it expects. */
const NUM_ROUNDS = 4;
/** A share of the mean step: below it, a step's weight does not grow. */
const MIN_EXPECTED = 0.01;

/**
 * What a step takes: a sum of non-negative costs, each times what it is of, fitted to measured steps, and times a factor
 * drawn from those by which these steps missed it.
 */
export class CostModel {
  readonly #costs: readonly number[];
  /** Measured / expected time of each step of the fit. */
  readonly #factors: readonly number[];

  private constructor(costs: readonly number[], factors: readonly number[]) {
    this.#costs = costs;
    this.#factors = factors;
  }

  /**
   * Fits the costs by least squares of the relative errors, as long steps miss by more than short ones.
   *
   * @throws RangeValueError when the steps took no time.
   */
  static fit(steps: readonly MeasuredStep[]): CostModel {
    const features = steps.map(({ rows }) => featuresOf(rows));
    const total = steps.reduce((sum, step) => sum + step.milliseconds, 0);
    if (!(total > 0)) throw new RangeValueError('milliseconds of all recorded steps', total, 'a number > 0');
    const least = (MIN_EXPECTED * total) / steps.length;
    let expected = steps.map(() => 1);
    let costs: number[] = [];
    for (let round = 0; round < NUM_ROUNDS; round++) {
      const weights = expected.map((value) => 1 / Math.max(value, least));
      costs = solveNonNegative(
        features.map((row, i) => row.map((value) => value * weights[i]!)),
        steps.map(({ milliseconds }, i) => milliseconds * weights[i]!),
      );
      expected = features.map((row) => dot(row, costs));
    }
    return new CostModel(
      costs,
      steps.map(({ milliseconds }, i) => milliseconds / Math.max(expected[i]!, least)),
    );
  }

  /** Milliseconds of a step with these rows. */
  expect(rows: readonly StepRow[]): number {
    return dot(featuresOf(rows), this.#costs);
  }

  /** As `expect`, times one of the factors. */
  draw(rows: readonly StepRow[], random: RandomStream): number {
    return this.expect(rows) * this.#factors[random.integer(0, this.#factors.length - 1)]!;
  }

  /** The costs in words, those that are not 0. */
  describe(): string {
    const parts = this.#costs.map((cost, i) => ({ cost, name: featureNames[i] }));
    return parts
      .filter(({ cost }) => cost > 0)
      .map(({ cost, name }) => `${cost.toPrecision(3)} ms / ${name}`)
      .join(' + ');
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
