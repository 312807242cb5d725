// Experiment: chunks of a long prompt keep the gaps of decoding requests short.
import { Engine } from '../../src/engine/engine.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import type { TextStream } from '../../src/engine/text-stream.ts';
import { type Figure, formatFigure, ratio } from '../../src/util/figures.ts';
import { largest, median, present } from '../../src/util/statistics.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import { gapsOf } from '../common/statistics.ts';
import { type Experiment, type ExperimentContext, randomRequest } from './experiment.ts';

const NUM_DECODING = 7;
const SHORT_PROMPT = 16;
const LONG_PROMPT = 900;
/** Tokens of each short request when the long prompt arrives. */
const HEAD_START = 12;
/** Tokens of a short request: more than it gets until the long prompt is done. */
const MAX_TOKENS = 900;
/** Target of a step, in multiples of the median gap before the long prompt. */
const STEP_TARGET = 3;

/** Gaps between the tokens of the requests that decode, in milliseconds. */
interface Gaps {
  /** Median before the arrival of the long prompt. */
  readonly quiet: Figure;
  /** Longest between that arrival and its first token. */
  readonly worst: Figure;
  /** The long prompt's TTFT. */
  readonly ttft: Figure;
}

/** Runs of each kind, in turns; the median of their worst gaps counts, because a pause of the machine is a gap, too. */
const NUM_RUNS = 3;

/** Measures how long decoding requests stall when a long prompt arrives, in chunks and whole. */
export const chunking: Experiment = {
  name: 'chunking',
  maxBatchSize: NUM_DECODING + 1,
  run: async (context) => {
    context.onProgress('warm-up');
    const { quiet } = await measureGaps(context, undefined);
    if (quiet === null) throw new BenchmarkError('no gap before the long prompt, expected one to set a target by');
    const maxStepMs = STEP_TARGET * quiet;
    await measureGaps(context, maxStepMs);
    const [whole, chunks]: [Gaps[], Gaps[]] = [[], []];
    for (let run = 1; run <= NUM_RUNS; run++) {
      context.onProgress(`run ${run} of ${NUM_RUNS}`);
      whole.push(await measureGaps(context, undefined));
      chunks.push(await measureGaps(context, maxStepMs));
    }
    return [
      {
        title: `worst ITL of ${NUM_DECODING} decoding requests when a prompt of ${LONG_PROMPT} tokens arrives, in chunks against whole`,
        details: [describe('whole', whole), describe(`steps of ${maxStepMs.toFixed(1)} ms`, chunks)],
        ratio: ratio(medianOf(chunks, 'worst'), medianOf(whole, 'worst')),
        bound: { atMost: 1 / 8 },
      },
    ];
  },
};

function describe(name: string, runs: readonly Gaps[]): string {
  const worst = runs.map((run) => formatFigure(run.worst, 1)).join(', ');
  const [quiet, ttft] = [formatFigure(medianOf(runs, 'quiet'), 1), formatFigure(medianOf(runs, 'ttft'), 0)];
  return `${name}: worst gaps ${worst} ms; medians: gap before ${quiet} ms, TTFT of the prompt ${ttft} ms`;
}

function medianOf(runs: readonly Gaps[], name: keyof Gaps): Figure {
  return median(present(runs.map((run) => run[name])));
}

async function measureGaps({ model, clock, signal }: ExperimentContext, maxStepMs: number | undefined): Promise<Gaps> {
  const { runner, tokenizer } = model;
  await using engine = new Engine({ runner, tokenizer, clock, prefixCache: false, maxStepMs });
  const request = (index: number, length: number, maxTokens: number) => ({
    ...randomRequest(index, runner.limits, { length, maxTokens }),
    signal,
  });
  const streams = Array.from({ length: NUM_DECODING }, (_, i) => engine.stream(request(i, SHORT_PROMPT, MAX_TOKENS)));
  await Promise.all(streams.map(skipHeadStart));
  const long = await engine.generate(request(NUM_DECODING, LONG_PROMPT, 1));
  const short = await Promise.all(streams.map(endStream));
  signal.throwIfAborted();
  throwIfFailed([long]); // a stream throws its own fault
  const { arrival, firstToken, ttft } = long.timings;
  const gaps = short.flatMap(({ timings: { tokenTimes } }) =>
    gapsOf(tokenTimes).map((length, i) => ({ length, from: tokenTimes[i]!, to: tokenTimes[i + 1]! })),
  );
  const isDisturbed = ({ from, to }: { from: number; to: number }) =>
    to > arrival && firstToken !== null && from < firstToken;
  return {
    quiet: median(gaps.filter(({ to }) => to <= arrival).map(({ length }) => length)),
    worst: largest(gaps.filter(isDisturbed).map(({ length }) => length)),
    ttft,
  };
}

async function skipHeadStart(stream: TextStream): Promise<void> {
  for (let i = 0; i < HEAD_START; i++) await stream.next();
}

async function endStream(stream: TextStream): Promise<FinishedRequest> {
  const { value } = await stream.return();
  return value;
}
