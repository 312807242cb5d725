// Cost of a decode step for the host: dispatches, calls into native code and processor time, the whole engine included. No GPU
// takes part: the steps run on a backend that computes nothing.
import type { Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { type Figure, formatFigure } from '../../src/util/figures.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { smallest, sum } from '../../src/util/statistics.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import type { NativeCalls } from '../common/native-calls.ts';
import { withExecute } from '../common/with-execute.ts';
import { formatRow } from '../report/table.ts';

/** Sizes of a decode step. */
export interface HostStep {
  /** Tokens of each sequence, in the middle of the measured steps. */
  readonly context: number;
  readonly batch: number;
}

/** Costs of a decode step. */
export interface HostCost extends HostStep {
  readonly dispatches: number;
  readonly nativeCalls: number;
  /** Processor time of all threads: the least of the rounds, each a mean over its steps. */
  readonly milliseconds: Figure;
}

/** Model whose steps are measured. */
export interface HostModel {
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  /** Counts the calls of the runner's device; closed before any time is taken. */
  readonly calls: NativeCalls;
}

/** Rounds of a measurement, and what it reports meanwhile. */
export interface HostOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Called with the number of each round, from 1 on, when it begins. */
  readonly onRound: (round: number) => void;
}

/** Steps that are measured in a row. */
const STEPS = 20;
/** Decode steps before them: the first of a size is recorded. */
const FIRST_STEPS = 3;
/** Tokens of each request: one of the prompt's step, and one of each decode step. */
const NEW_TOKENS = 1 + FIRST_STEPS + STEPS + 1;
/** Contexts within one split of attention, and of several. */
const CONTEXTS = [64, 1000];
/** Sequences of a step. */
const BATCHES = [1, 8];

/** Lists the steps of a model: those that its positions hold. */
export function hostSteps(numPositions: number): readonly HostStep[] {
  const contexts = CONTEXTS.filter((context) => context + NEW_TOKENS / 2 <= numPositions);
  return contexts.flatMap((context) => BATCHES.map((batch) => ({ context, batch })));
}

/** Counts the blocks that the steps take: all sequences begin alike, and share the full blocks of that prompt. */
export function blocksOfSteps(steps: readonly HostStep[], blockSize: number): number {
  const ofSequence = 1 + ceilDiv(NEW_TOKENS, blockSize);
  return sum(steps.map(({ context, batch }) => ceilDiv(context, blockSize) + batch * ofSequence));
}

/**
 * Counts the calls of each step, and then times it in every round, so that other load on the machine meets all steps alike.
 *
 * @throws BenchmarkError when a request fails; the signal's reason.
 */
export async function measureHost(
  { runner, tokenizer, calls }: HostModel,
  steps: readonly HostStep[],
  { rounds, signal, onRound }: HostOptions,
): Promise<readonly HostCost[]> {
  await using decoding = new Decoding(runner, tokenizer, signal);
  const counted: Pick<HostCost, 'dispatches' | 'nativeCalls'>[] = [];
  for (const step of steps) {
    counted.push({
      dispatches: await decoding.count(step, 1, () => calls.count('dispatchWorkgroups')),
      nativeCalls: await decoding.count(step, 1, () => calls.total),
    });
  }
  calls.close();
  const times = steps.map((): number[] => []);
  for (let round = 1; round <= rounds; round++) {
    onRound(round);
    for (const [index, step] of steps.entries()) {
      times[index]!.push((await decoding.count(step, STEPS, processorTime)) / STEPS);
    }
  }
  return steps.map((step, index) => ({ ...step, ...counted[index]!, milliseconds: smallest(times[index]!) }));
}

/** Engine that decodes batches of one prompt, and tells the beginning of each decode step. */
class Decoding {
  readonly #engine: Engine;
  readonly #signal: AbortSignal;
  #onDecode: (numTokens: number) => void = () => {};

  constructor(runner: Runner, tokenizer: Tokenizer, signal: AbortSignal) {
    const told = withExecute(runner, async (plan, options) => {
      if (plan.numDecodeTokens === plan.numTokens) this.#onDecode(plan.numTokens);
      const result = await runner.execute(plan, options);
      // Nothing was computed: ids and flags are any bytes.
      return { ...result, ids: result.ids.fill(0), finite: result.finite.fill(1) };
    });
    this.#engine = new Engine({ runner: told, tokenizer });
    this.#signal = signal;
  }

  /**
   * Decodes a batch to its end. Returns by how much a counter rises in some steps; it is read before the first and after the last
   * alone, since to read the processor time takes a good part of a step.
   */
  async count({ context, batch }: HostStep, numSteps: number, counter: () => number): Promise<number> {
    let numBegun = 0;
    const readings: number[] = [];
    this.#onDecode = (numTokens) => {
      if (numTokens !== batch) return;
      if (numBegun === FIRST_STEPS || numBegun === FIRST_STEPS + numSteps) readings.push(counter());
      numBegun++;
    };
    const promptIds = new Array<number>(context - Math.floor(NEW_TOKENS / 2)).fill(1);
    const sampling = { maxTokens: NEW_TOKENS, temperature: 0, ignoreEos: true };
    const request = { promptIds, sampling, signal: this.#signal };
    const responses = await this.#engine.generateBatch(new Array(batch).fill(request));
    this.#signal.throwIfAborted();
    throwIfFailed(responses);
    const [before, after] = readings;
    if (before !== undefined && after !== undefined) return after - before;
    throw new BenchmarkError(`${numBegun} decode steps of ${batch}, expected ${FIRST_STEPS + numSteps + 1}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.close();
  }
}

/** Reads the processor time of this process in milliseconds. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Widths of the columns; negative ones are right-aligned. */
const WIDTHS = [-7, -5, -10, -12, -6] as const;

/** Formats a row for each step. */
export function formatHostCosts(costs: readonly HostCost[]): string {
  const rows = costs.map(({ context, batch, dispatches, nativeCalls, milliseconds }) => [
    String(context),
    String(batch),
    String(dispatches),
    String(nativeCalls),
    formatFigure(milliseconds, 3),
  ]);
  const head = ['context', 'batch', 'dispatches', 'native calls', 'ms'];
  return [head, ...rows].map((row) => formatRow(row, WIDTHS)).join('\n');
}
