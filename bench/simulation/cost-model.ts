// Cost model of a step: linear in features of its rows, and scattered as the steps that it was fitted to.
import type { StepRecordRow } from '../../src/engine/observe/step-record.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import type { RandomStream } from '../load/random-stream.ts';
import { solveNonNegative } from './least-squares.ts';

/** Row of a step, as far as the time of the step depends on it. */
export type StepRow = Omit<StepRecordRow, 'requestId'>;

/** Features of a row, each summed over the rows of a step; a cost is milliseconds per unit of its feature. */
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

/** Step that ran. */
export interface MeasuredStep {
  readonly rows: readonly StepRow[];
  /** Time on the device. */
  readonly milliseconds: number;
}

/** Residual of a step of the fit. */
interface Miss {
  /** Milliseconds by the fitted costs. */
  readonly expected: number;
  /** Measured / expected. */
  readonly factor: number;
}

/** Number of steps of about the same length among which a factor is drawn: short steps scatter more than long ones. */
const NUM_ALIKE = 32;
/** Rounds of fitting; each weights the steps by the times that the round before expects. */
const NUM_ROUNDS = 4;
/** Share of the mean time of a step below which its weight no longer grows. */
const MIN_EXPECTED = 0.01;

/**
 * Model of the time of a step: the sum of its features times non-negative costs, which are fitted to measured steps,
 * times a factor drawn from the residuals of the fit.
 */
export class CostModel {
  readonly #costs: readonly number[];
  /** Ascending by expected time. */
  readonly #misses: readonly Miss[];

  private constructor(costs: readonly number[], misses: readonly Miss[]) {
    this.#costs = costs;
    this.#misses = misses.toSorted((a, b) => a.expected - b.expected);
  }

  /**
   * Fits the costs by least squares of the relative errors, because absolute errors grow with the length of a step.
   *
   * @throws RangeValueError when the total time of the steps is not > 0.
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
    const misses = steps.map(({ milliseconds }, i) => {
      const weighed = Math.max(expected[i]!, least);
      return { expected: weighed, factor: milliseconds / weighed };
    });
    return new CostModel(costs, misses);
  }

  /** Expects the milliseconds of a step with these rows. */
  expect(rows: readonly StepRow[]): number {
    return dot(featuresOf(rows), this.#costs);
  }

  /** Draws the milliseconds of a step: as expected, times the factor of a measured step of about the same length. */
  draw(rows: readonly StepRow[], random: RandomStream): number {
    const expected = this.expect(rows);
    let first = this.#placeOf(expected);
    let end = first;
    while (end - first < Math.min(NUM_ALIKE, this.#misses.length)) {
      const below = expected - (this.#misses[first - 1]?.expected ?? Number.NEGATIVE_INFINITY);
      const above = (this.#misses[end]?.expected ?? Number.POSITIVE_INFINITY) - expected;
      if (above <= below) end++;
      else first--;
    }
    return expected * this.#misses[random.integer(first, end - 1)]!.factor;
  }

  /** Counts the steps with a lower expected time. */
  #placeOf(expected: number): number {
    let [low, high] = [0, this.#misses.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#misses[middle]!.expected < expected) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Formats the costs that are not 0. */
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
