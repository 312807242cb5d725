// Cost of constraints: decode steps of free and of constrained requests in turns. Without overlap they differ by the masks alone, on the host
// and on the GPU; with it, by the overlap that constrained requests lose, too. The masks are made beforehand: what a grammar takes is its own.
import type { Constraint } from '../../src/core/constraint.ts';
import type { Runner } from '../../src/core/runner.ts';
import { deriveSeed } from '../../src/core/sampling-params.ts';
import { Engine } from '../../src/engine/engine.ts';
import { ratioOf } from '../../src/timing/compare.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { formatFigure } from '../../src/util/figures.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { median } from '../../src/util/statistics.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import { gapsOf } from '../common/statistics.ts';

/** Tokens of a prompt, and ids that are decoded after it. */
const [PROMPT, NEW_TOKENS] = [32, 12];
/** Context that the requests need. */
export const CONTEXT = 64;

/** Requests and engine of a run. */
interface Kind {
  readonly overlap: boolean;
  readonly isConstrained: boolean;
}

/** Kinds, which take turns in a round. */
const KINDS: readonly Kind[] = [
  { overlap: false, isConstrained: false },
  { overlap: false, isConstrained: true },
  { overlap: true, isConstrained: false },
  { overlap: true, isConstrained: true },
];

/** Milliseconds of a decode step of one kind, a median for each round. */
export interface ConstraintTimes extends Kind {
  readonly rounds: readonly number[];
}

/** Requests and rounds of a measurement. */
export interface ConstraintOptions {
  readonly batch: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Called with the number of each round, from 1 on, when it begins. */
  readonly onRound: (round: number) => void;
}

/**
 * Decodes in every round with each kind of requests, so that a machine that slows down slows all of them.
 *
 * @throws BenchmarkError when a request fails; the signal's reason.
 */
export async function measureConstraints(
  { runner, tokenizer }: { readonly runner: Runner; readonly tokenizer: Tokenizer },
  { batch, rounds, signal, onRound }: ConstraintOptions,
): Promise<readonly ConstraintTimes[]> {
  const times = KINDS.map((kind) => ({ ...kind, rounds: [] as number[] }));
  const { vocabSize } = runner.limits;
  const requests = (isConstrained: boolean) =>
    Array.from({ length: batch }, (_, row) => ({
      promptIds: Array.from({ length: PROMPT }, (_, i) => deriveSeed(row, i) % vocabSize),
      sampling: { maxTokens: NEW_TOKENS, temperature: 0, ignoreEos: true },
      constraint: isConstrained ? everySecondId(vocabSize) : undefined,
      signal,
    }));
  // Round 0 compiles.
  for (let round = 0; round <= rounds; round++) {
    onRound(Math.max(round, 1));
    for (const each of times) {
      await using engine = new Engine({ runner, tokenizer, overlap: each.overlap });
      const responses = await engine.generateBatch(requests(each.isConstrained));
      signal.throwIfAborted();
      throwIfFailed(responses);
      // The first gap has the prompts of others in it.
      const step = median(responses.flatMap(({ timings }) => gapsOf(timings.tokenTimes).slice(1)));
      if (step === null) throw new BenchmarkError(`no gap between ids, expected ${NEW_TOKENS - 2} of a request`);
      if (round > 0) each.rounds.push(step);
    }
  }
  return times;
}

/** A rule that allows the even ids and the odd ones by turns, with masks that are there. */
function everySecondId(vocabSize: number): Constraint<number> {
  const words = ceilDiv(vocabSize, 32);
  const masks = [0x55555555, 0xaaaaaaaa].map((bits) => new Uint32Array(words).fill(bits));
  const used = vocabSize % 32;
  if (used > 0) for (const mask of masks) mask[words - 1]! &= 2 ** used - 1;
  return { start: () => 0, allowed: (state) => masks[state % 2]!, accept: (state) => state + 1 };
}

/** Formats a row for each kind, and the two ratios of constrained to free. */
export function formatConstraintCosts(times: readonly ConstraintTimes[]): string {
  const rows = times.map(({ overlap, isConstrained, rounds }) => {
    const kind = `${isConstrained ? 'constrained' : 'free'}, overlap ${overlap ? 'on' : 'off'}`;
    return `${kind.padEnd(24)}  ${formatFigure(median(rounds), 3)} ms/step`;
  });
  const ratios = [false, true].map((overlap) => {
    const [free, constrained] = [false, true].map(
      (wanted) => times.find((each) => each.overlap === overlap && each.isConstrained === wanted)?.rounds ?? [],
    );
    const { ratio, interval } = ratioOf(constrained ?? [], free ?? []);
    const range = interval ? ` (${formatFigure(interval.low, 3)} to ${formatFigure(interval.high, 3)})` : '';
    const what = overlap ? 'masks and lost overlap' : 'masks on host and GPU';
    return `${what}: ${formatFigure(ratio, 3)} × a free step${range}`;
  });
  return [...rows, ...ratios].join('\n');
}
