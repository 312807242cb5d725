// Cost of a decode step for the host: dispatches, calls into native code and processor time, the whole engine included. No GPU
// takes part: the steps run on a backend that computes nothing.
import type { Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import { type Figure, formatFigure } from '../common/figures.ts';
import type { NativeCalls } from '../common/native-calls.ts';
import { gapsOf, median, smallest, sum } from '../common/statistics.ts';
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
  readonly dispatches: Figure;
  readonly nativeCalls: Figure;
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
    const dispatches = await decoding.read(step, () => calls.count('dispatchWorkgroups'));
    const nativeCalls = await decoding.read(step, () => calls.total);
    counted.push({ dispatches: median(gapsOf(dispatches)), nativeCalls: median(gapsOf(nativeCalls)) });
  }
  calls.close();
  const times = steps.map((): number[] => []);
  for (let round = 1; round <= rounds; round++) {
    onRound(round);
    for (const [index, step] of steps.entries()) {
      const readings = await decoding.read(step, processorTime);
      times[index]!.push((readings.at(-1)! - readings[0]!) / STEPS);
    }
  }
  return steps.map((step, index) => ({ ...step, ...counted[index]!, milliseconds: smallest(times[index]!) }));
}

/** Engine that decodes batches of one prompt, and reads a counter as each decode step begins. */
class Decoding {
  readonly #engine: Engine;
  readonly #signal: AbortSignal;
  #onDecode: (numTokens: number) => void = () => {};

  constructor(runner: Runner, tokenizer: Tokenizer, signal: AbortSignal) {
    const read = withExecute(runner, async (plan, options) => {
      if (plan.numDecodeTokens === plan.numTokens) this.#onDecode(plan.numTokens);
      const result = await runner.execute(plan, options);
      // Nothing was computed: ids and flags are any bytes.
      return { ...result, ids: result.ids.fill(0), finite: result.finite.fill(1) };
    });
    this.#engine = new Engine({ runner: read, tokenizer });
    this.#signal = signal;
  }

  /** Decodes a batch to its end. @returns the counter at the beginning of each measured step, and of the one after them. */
  async read({ context, batch }: HostStep, counter: () => number): Promise<readonly number[]> {
    const readings: number[] = [];
    this.#onDecode = (numTokens) => {
      if (numTokens === batch) readings.push(counter());
    };
    const promptIds = new Array<number>(context - Math.floor(NEW_TOKENS / 2)).fill(1);
    const sampling = { maxTokens: NEW_TOKENS, temperature: 0, ignoreEos: true };
    const request = { promptIds, sampling, signal: this.#signal };
    const responses = await this.#engine.generateBatch(new Array(batch).fill(request));
    this.#signal.throwIfAborted();
    throwIfFailed(responses);
    const measured = readings.slice(FIRST_STEPS, FIRST_STEPS + STEPS + 1);
    if (measured.length > STEPS) return measured;
    throw new BenchmarkError(`${readings.length} decode steps of ${batch}, expected ${FIRST_STEPS + STEPS + 1}`);
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
    formatFigure(dispatches, 0),
    formatFigure(nativeCalls, 0),
    formatFigure(milliseconds, 3),
  ]);
  const head = ['context', 'batch', 'dispatches', 'native calls', 'ms'];
  return [head, ...rows].map((row) => formatRow(row, WIDTHS)).join('\n');
}
