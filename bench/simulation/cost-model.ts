import type { StepRecordRow } from '../../src/engine/observe/step-record.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import type { RandomStream } from '../load/random-stream.ts';
import { solveNonNegative } from './least-squares.ts';

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

/** How far a step of the fit was from what its costs say. */
interface Miss {
  /** In milliseconds. */
  readonly expected: number;
  /** Measured / expected. */
  readonly factor: number;
}

/** Steps among which a factor is drawn. What is a large factor of a short step is none of a long one. */
const NUM_ALIKE = 32;
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
  /** The shortest first. */
  readonly #misses: readonly Miss[];

  private constructor(costs: readonly number[], misses: readonly Miss[]) {
    this.#costs = costs;
    this.#misses = misses.toSorted((a, b) => a.expected - b.expected);
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
    const misses = steps.map(({ milliseconds }, i) => {
      const weighed = Math.max(expected[i]!, least);
      return { expected: weighed, factor: milliseconds / weighed };
    });
    return new CostModel(costs, misses);
  }

  /** Milliseconds of a step with these rows. */
  expect(rows: readonly StepRow[]): number {
    return dot(featuresOf(rows), this.#costs);
  }

  /** As `expect`, times the factor by which one of the steps missed that were expected to take about as long. */
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

  /** Number of steps that were expected to take less. */
  #placeOf(expected: number): number {
    let [low, high] = [0, this.#misses.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#misses[middle]!.expected < expected) low = middle + 1;
      else high = middle;
    }
    return low;
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
