// Workload of an open loop: prompts, lengths and arrival times, the same for the same flags, seed and limits.
import type { ModelLimits } from '../../src/core/runner.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { pcg4d, splitSeed } from '../../src/util/rng.ts';
import { largest, present } from '../../src/util/statistics.ts';
import { drawArrivals } from './arrivals.ts';
import type { DatasetEntry } from './dataset.ts';
import { JsonLinesError } from './json-lines.ts';
import { drawLength, type LengthDistribution } from './lengths.ts';
import type { LoadArgs } from './load-flags.ts';
import { RandomStream } from './random-stream.ts';

/** Request of an open loop without its sampling; its prompt is a text or ids. */
export interface Arrival {
  /** Milliseconds from the start of the run. */
  readonly due: number;
  readonly prompt?: string;
  readonly promptIds?: readonly number[];
  /** Tokens to generate; when missing, the flags of the closed loop decide. */
  readonly outputLength?: number;
  readonly priority?: number;
}

/** Flags of a workload. */
export interface WorkloadArgs extends LoadArgs {
  readonly seed: number;
}

/** Source of the requests. */
export interface WorkloadSource {
  readonly dataset: readonly DatasetEntry[] | null;
  /** Prompt of each request; when prompts are random tokens, only their number counts. */
  readonly prompts: readonly string[];
}

type WorkloadLimits = Pick<ModelLimits, 'maxModelLen' | 'vocabSize'>;

/**
 * Makes the requests of an open loop, in order of arrival.
 *
 * @throws RangeValueError naming the flag of a length that no request can have, or JsonLinesError naming the line.
 */
export function buildWorkload(
  args: WorkloadArgs,
  { dataset, prompts }: WorkloadSource,
  limits: WorkloadLimits,
): Arrival[] {
  checkLengths(args, dataset, limits);
  const arrivals = dataset === null ? drawRequests(args, prompts, limits) : dataset.map(datasetArrival(args, limits));
  const { 'request-rate': rate, burstiness = 1, seed } = args;
  if (rate === undefined && dataset !== null) return arrivals;
  const dues = drawArrivals(arrivals.length, { rate: rate ?? 'inf', burstiness, seed });
  return arrivals.map((arrival, index) => ({ ...arrival, due: dues[index]! }));
}

/**
 * Refuses times that a clock can't wait for: a timer would end at once.
 *
 * @throws JsonLinesError naming the line of the first such time, or RangeValueError naming the rate.
 */
export function checkArrivals(
  arrivals: readonly Arrival[],
  args: Pick<LoadArgs, 'request-rate'>,
  { dataset, maxWaitMs }: Pick<WorkloadSource, 'dataset'> & { readonly maxWaitMs: number },
): void {
  const index = arrivals.findIndex(({ due }) => !(due <= maxWaitMs));
  const { due } = arrivals[index] ?? { due: 0 };
  if (index < 0) return;
  const rate = args['request-rate'];
  const entry = dataset?.[index];
  if (rate === undefined && entry !== undefined) {
    const { path, line } = entry.place;
    throw new JsonLinesError(path, line, `timestamp_ms is ${due} after the first, expected at most ${maxWaitMs}`);
  }
  const expected = `a rate at which ${arrivals.length} requests arrive within ${maxWaitMs} ms; request ${index} is due at ${due}`;
  throw new RangeValueError('--request-rate', rate, expected);
}

/** Refuses lengths out of range before a prompt of a billion tokens is drawn. */
function checkLengths(
  { 'input-len': inputs, 'output-len': outputs, 'shared-prefix': numShared = 0 }: WorkloadArgs,
  dataset: WorkloadSource['dataset'],
  { maxModelLen }: WorkloadLimits,
): void {
  const room = maxModelLen - 1;
  const check = (flag: string, value: number, most: number, reason: string) => {
    if (value > most) throw new RangeValueError(flag, value, `at most ${most}, ${reason}`);
  };
  const context = `for a context of ${maxModelLen} tokens`;
  if (inputs !== undefined) check('--input-len', endOf(inputs), room, context);
  if (outputs !== undefined) check('--output-len', endOf(outputs), room, context);
  for (const { place, inputLength = 1, outputLength } of dataset ?? []) {
    const numTokens = inputLength + outputLength;
    if (numTokens <= maxModelLen) continue;
    throw new JsonLinesError(
      place.path,
      place.line,
      `${numTokens} tokens, expected at most ${maxModelLen}, the context`,
    );
  }
  const drawn = inputs?.kind === 'uniform' ? inputs.max : room;
  const longest = dataset === null ? drawn : largest(present(dataset.map(({ inputLength = null }) => inputLength)));
  check('--shared-prefix', numShared, longest ?? 0, 'the length of the longest random prompt');
}

/** Finds the longest uniform length; of lognormal ones, which are clipped, the median. */
function endOf(lengths: LengthDistribution): number {
  return lengths.kind === 'uniform' ? lengths.max : lengths.median;
}

function datasetArrival(args: WorkloadArgs, limits: WorkloadLimits) {
  return ({ timestampMs, prompt, inputLength = 0, outputLength, priority }: DatasetEntry, index: number): Arrival => ({
    due: timestampMs,
    ...(prompt === undefined ? { promptIds: randomPrompt(args, index, inputLength, limits) } : { prompt }),
    outputLength,
    ...(priority !== undefined && { priority }),
  });
}

function drawRequests(args: WorkloadArgs, prompts: readonly string[], limits: WorkloadLimits): Arrival[] {
  const { 'input-len': inputs, 'output-len': outputs, seed } = args;
  const [inputRandom, outputRandom] = [
    new RandomStream(seed, 'input lengths'),
    new RandomStream(seed, 'output lengths'),
  ];
  const { maxModelLen } = limits;
  return prompts.map((prompt, index) => {
    const inputLength = inputs && drawLength(inputs, inputRandom, maxModelLen - 1);
    const outputLength = outputs && drawLength(outputs, outputRandom, Math.max(1, maxModelLen - (inputLength ?? 1)));
    return {
      due: 0,
      ...(inputLength === undefined ? { prompt } : { promptIds: randomPrompt(args, index, inputLength, limits) }),
      ...(outputLength !== undefined && { outputLength }),
    };
  });
}

/** Index that the shared tokens are drawn with, in place of a request's. */
const SHARED = 0xffffffff;

/** Draws random ids; the first `shared-prefix` of them are the same in every prompt. */
function randomPrompt(
  { seed, 'shared-prefix': numShared = 0 }: WorkloadArgs,
  index: number,
  length: number,
  { vocabSize }: WorkloadLimits,
): number[] {
  const [lo, hi] = splitSeed(seed);
  return Array.from({ length }, (_, position) => {
    const [word] = pcg4d(lo, hi, position, position < numShared ? SHARED : index);
    return word % vocabSize;
  });
}
