// Cost of constraints: decode steps of free and of constrained requests in turns. Their difference is small beside what a busy machine
// adds to either, so the masks are measured by their parts, too: the processor time of the thread between two steps, which waits for no
// one, and the GPU's time of the kernel. The masks are made beforehand: what a grammar takes is its own.
import type { BatchPlan } from '../../src/core/batch-plan.ts';
import type { Constraint } from '../../src/core/constraint.ts';
import type { Runner } from '../../src/core/runner.ts';
import { deriveSeed } from '../../src/core/sampling-params.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { EngineObserver } from '../../src/engine/observe/observers.ts';
import { ratioOf } from '../../src/timing/compare.ts';
import { medianInterval } from '../../src/timing/median-interval.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { type Figure, formatFigure, formatPercent } from '../../src/util/figures.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { median, smallest, sum } from '../../src/util/statistics.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import { gapsOf } from '../common/statistics.ts';
import { withExecute } from '../common/with-execute.ts';

/** Tokens of a prompt, and ids that are decoded after it. */
const [PROMPT, NEW_TOKENS] = [32, 12];
/** Context that the requests need. */
export const CONTEXT = 64;
/** Name of the kernel that applies masks, with which its labels begin. */
const MASK_KERNEL = 'mask_logits';

/** Requests and engine of a run. */
interface Kind {
  readonly overlap: boolean;
  readonly isConstrained: boolean;
}

/** Kinds, which take turns in a round: forwards and backwards, so that a load that comes or goes meets all alike. */
const KINDS: readonly Kind[] = [
  { overlap: false, isConstrained: false },
  { overlap: false, isConstrained: true },
  { overlap: true, isConstrained: false },
  { overlap: true, isConstrained: true },
];

/** Milliseconds of a decode step of one kind. */
export interface KindTimes extends Kind {
  /** A median for each round. */
  readonly steps: readonly number[];
  /** Least processor time of the thread from the result of a step to the submit of the next, in each round; of steps that overlap, none. */
  readonly host: readonly number[];
}

/** Times of all kinds, and those of the kernel that applies masks, by the GPU's clock; none where it has no timestamps. */
export interface ConstraintTimes {
  readonly kinds: readonly KindTimes[];
  readonly kernel: readonly number[];
}

/** Requests and rounds of a measurement. */
export interface ConstraintOptions {
  readonly batch: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Called with the number of each round, from 1 on, when it begins. */
  readonly onRound: (round: number) => void;
}

/** Model whose steps are measured. */
interface Measured {
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
}

/**
 * Decodes in every round with each kind of requests, so that a machine that slows down slows all of them.
 *
 * @throws BenchmarkError when a request fails; the signal's reason.
 */
export async function measureConstraints(
  model: Measured,
  { batch, rounds, signal, onRound }: ConstraintOptions,
): Promise<ConstraintTimes> {
  const kinds = KINDS.map((kind) => ({ ...kind, steps: [] as number[], host: [] as number[] }));
  const kernel: number[] = [];
  const { vocabSize } = model.runner.limits;
  const requests = (isConstrained: boolean) =>
    Array.from({ length: batch }, (_, row) => ({
      promptIds: Array.from({ length: PROMPT }, (_, i) => deriveSeed(row, i) % vocabSize),
      sampling: { maxTokens: NEW_TOKENS, temperature: 0, ignoreEos: true },
      constraint: isConstrained ? everySecondId(vocabSize) : undefined,
      signal,
    }));
  const isDecode = (plan: BatchPlan) => plan.numDecodeTokens === batch && plan.numTokens === batch;
  const decode = async (isConstrained: boolean, { runner = model.runner, ...options }: Partial<EngineOptions>) => {
    await using engine = new Engine({ ...options, runner, tokenizer: model.tokenizer });
    const responses = await engine.generateBatch(requests(isConstrained));
    signal.throwIfAborted();
    throwIfFailed(responses);
    // The first gap has the prompts of others in it.
    const step = median(responses.flatMap(({ timings }) => gapsOf(timings.tokenTimes).slice(1)));
    if (step === null) throw new BenchmarkError(`no gap between ids, expected ${NEW_TOKENS - 2} of a request`);
    return step;
  };
  // Round 0 compiles.
  for (let round = 0; round <= rounds; round++) {
    onRound(Math.max(round, 1));
    for (const each of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const { overlap, isConstrained } = each;
      const host: number[] = [];
      const runner = overlap ? model.runner : withHostClock(model.runner, isDecode, host);
      const step = await decode(isConstrained, { runner, overlap });
      if (round === 0) continue;
      each.steps.push(step);
      // Others on the machine only add to it.
      const ofHost = smallest(host);
      if (ofHost !== null) each.host.push(ofHost);
    }
    const ofKernel = await timeKernel(decode);
    if (round > 0 && ofKernel !== null) kernel.push(ofKernel);
  }
  return { kinds, kernel };
}

/** Makes a runner that lists the processor time of this thread from a step's result to the submit of the next, where that decodes. */
function withHostClock(runner: Runner, isDecode: (plan: BatchPlan) => boolean, times: number[]): Runner {
  let start: number | null = null;
  return withExecute(runner, async (plan, options) => {
    const result = runner.execute(plan, options);
    if (start !== null && isDecode(plan)) times.push(threadTime() - start);
    start = null;
    const settled = await result;
    start = threadTime();
    return settled;
  });
}

function threadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Times the kernel of the masks in decode steps by the GPU's clock; null without timestamps. */
async function timeKernel(
  decode: (isConstrained: boolean, options: Partial<EngineOptions>) => Promise<number>,
): Promise<Figure> {
  const times: number[] = [];
  const onStep: NonNullable<EngineObserver['onStep']> = ({ rows, times: ofStep }) => {
    if (ofStep === undefined || rows.some(({ numTokens }) => numTokens > 1)) return;
    const kernels = ofStep.kernels.filter(({ label }) => label.startsWith(MASK_KERNEL));
    times.push(sum(kernels.map(({ nanoseconds }) => nanoseconds)) / 1e6);
  };
  await decode(true, { overlap: false, timeKernels: true, observers: [{ onStep }] });
  return median(times);
}

/** A rule that allows the even ids and the odd ones by turns, with masks that are there. */
function everySecondId(vocabSize: number): Constraint<number> {
  const words = ceilDiv(vocabSize, 32);
  const masks = [0x55555555, 0xaaaaaaaa].map((bits) => new Uint32Array(words).fill(bits));
  const used = vocabSize % 32;
  if (used > 0) for (const mask of masks) mask[words - 1]! &= 2 ** used - 1;
  return { start: () => 0, allowed: (state) => masks[state % 2]!, accept: (state) => state + 1 };
}

/** Formats a row for each kind, then the masks by their parts, then the ratios of constrained to free steps. */
export function formatConstraintCosts({ kinds, kernel }: ConstraintTimes): string {
  const rows = kinds.map(({ overlap, isConstrained, steps, host }) => {
    const kind = `${isConstrained ? 'constrained' : 'free'}, overlap ${overlap ? 'on' : 'off'}`;
    const ofHost = overlap ? '' : `, ${formatFigure(median(host), 3)} of the thread between them`;
    return `${kind.padEnd(24)}  ${formatFigure(median(steps), 3)} ms/step${ofHost}`;
  });
  const of = (overlap: boolean, isConstrained: boolean) =>
    kinds.find((each) => each.overlap === overlap && each.isConstrained === isConstrained) ?? { steps: [], host: [] };
  const [free, constrained] = [of(false, false), of(false, true)];
  const onHost = constrained.host.map((time, round) => time - (free.host[round] ?? Number.NaN));
  const shares = kernel.map(
    (time, round) => (time + (onHost[round] ?? Number.NaN)) / (free.steps[round] ?? Number.NaN),
  );
  const parts = `masks on the host ${formatFigure(median(onHost), 3)} ms, on the GPU ${formatFigure(median(kernel), 3)} ms`;
  return [
    ...rows,
    `${parts}: together ${formatPercent(median(shares), 2)} of a free step${formatRange(shares, (each) => formatPercent(each, 2))}`,
    ...[false, true].map((overlap) => {
      const what = overlap ? 'masks and lost overlap' : 'masks, as steps differ';
      const [first, second] = [of(overlap, false).steps, of(overlap, true).steps];
      const ratios = second.map((time, round) => time / (first[round] ?? Number.NaN));
      return `${what}: ${formatFigure(ratioOf(second, first).ratio, 3)} × a free step${formatRange(ratios, (each) => formatFigure(each, 3))}`;
    }),
  ].join('\n');
}

/** Formats the interval of a median; nothing for too few samples. */
function formatRange(samples: readonly number[], format: (value: number) => string): string {
  const interval = medianInterval(samples);
  return interval === null ? '' : ` (${format(interval.low)} to ${format(interval.high)})`;
}
