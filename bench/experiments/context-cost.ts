// Cost of context: time of a decoded token over the number of tokens before it, and the line that fits best.
import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { type Figure, formatFigure, formatPercent, mapFigure, ratio } from '../../src/util/figures.ts';
import { largest, median, present, sum } from '../../src/util/statistics.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import { gapsOf } from '../common/statistics.ts';

/** Time of a decoded token after `context` tokens. */
export interface ContextCost {
  readonly context: number;
  /** Median of the rounds. */
  readonly milliseconds: number;
}

/** Line: milliseconds = fixed + perToken · context. */
export interface Line {
  readonly fixed: number;
  readonly perToken: number;
  /** Largest distance of a measurement from the line, relative to the line. */
  readonly worstResidual: Figure;
}

/** Ids that are decoded at each length; the gap after the first belongs to the prompt. */
const NEW_TOKENS = 9;
/** Fewest lengths: a line through two points always fits. */
const MIN_LENGTHS = 3;
/** Lengths in tokens; two of them lie on both sides of the end of a split of attention. */
const LENGTHS = [32, 64, 128, 256, 257, 384, 512, 640, 768, 896, 1000];

/**
 * Lists the lengths that a runner has room for.
 *
 * @throws RangeValueError when they are too few for a line.
 */
export function contextLengths({ maxModelLen }: Pick<ModelLimits, 'maxModelLen'>): readonly number[] {
  const lengths = LENGTHS.filter((length) => length + NEW_TOKENS <= maxModelLen);
  const expected = `room for ${LENGTHS.slice(0, MIN_LENGTHS).join(', ')} and ${NEW_TOKENS} more tokens`;
  if (lengths.length < MIN_LENGTHS) throw new RangeValueError('maxModelLen', maxModelLen, expected);
  return lengths;
}

/** Prompt, lengths and rounds of a measurement. */
export interface ContextOptions {
  readonly promptIds: readonly number[];
  readonly lengths: readonly number[];
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Called with the number of each round, from 1 on, when it begins. */
  readonly onRound: (round: number) => void;
}

/**
 * Decodes after the first tokens of one prompt, whose keys stay in the prefix cache. The lengths take turns, so that a
 * machine that slows down slows all of them.
 */
export async function measureContexts(
  { runner, tokenizer }: { readonly runner: Runner; readonly tokenizer: Tokenizer },
  { promptIds, lengths, rounds, signal, onRound }: ContextOptions,
): Promise<readonly ContextCost[]> {
  await using engine = new Engine({ runner, tokenizer, prefixCache: true });
  const gaps = new Map(lengths.map((length) => [length, [] as number[]]));
  const sampling = { maxTokens: NEW_TOKENS, temperature: 0, ignoreEos: true };
  // Round 0 fills the cache and compiles.
  for (let round = 0; round <= rounds; round++) {
    onRound(Math.max(round, 1));
    for (const [length, samples] of gaps) {
      const response = await engine.generate({ promptIds: promptIds.slice(0, length), sampling, signal });
      signal.throwIfAborted();
      throwIfFailed([response]);
      if (round > 0) samples.push(...gapsOf(response.timings.tokenTimes).slice(1));
    }
  }
  // Gap i has i more tokens before it: NEW_TOKENS / 2 on average.
  return [...gaps].map(([length, samples]) => {
    const milliseconds = median(samples);
    if (milliseconds === null) throw new BenchmarkError(`no gap after ${length} tokens, expected ${NEW_TOKENS - 2}`);
    return { context: length + NEW_TOKENS / 2, milliseconds };
  });
}

/** Fits a line by least squares. */
export function fitLine(costs: readonly ContextCost[]): Line {
  const mean = (values: readonly number[]) => sum(values) / values.length;
  const meanX = mean(costs.map(({ context }) => context));
  const meanY = mean(costs.map(({ milliseconds }) => milliseconds));
  const covariance = mean(costs.map(({ context, milliseconds }) => (context - meanX) * (milliseconds - meanY)));
  const perToken = covariance / mean(costs.map(({ context }) => (context - meanX) ** 2));
  const fixed = meanY - perToken * meanX;
  const residuals = costs.map(({ context, milliseconds }) =>
    mapFigure(ratio(milliseconds, fixed + perToken * context), (factor) => Math.abs(factor - 1)),
  );
  return { fixed, perToken, worstResidual: largest(present(residuals)) };
}

/** Formats a row per length, the fit, and the ratio of longest to shortest. */
export function formatContextCosts(costs: readonly ContextCost[], { fixed, perToken, worstResidual }: Line): string {
  const rows = costs.map(
    ({ context, milliseconds }) =>
      `${Math.round(context).toString().padStart(7)}  ${milliseconds.toFixed(3).padStart(8)}  ${(fixed + perToken * context).toFixed(3).padStart(8)}`,
  );
  const growth = ratio(costs.at(-1)?.milliseconds ?? null, costs[0]?.milliseconds ?? null);
  return [
    'context  ms/token      line',
    ...rows,
    `line: ${fixed.toFixed(3)} ms + ${(1000 * perToken).toFixed(3)} ms per 1,000 tokens, worst residual ${formatPercent(worstResidual)}`,
    `longest / shortest: ${formatFigure(growth, 2)}`,
  ].join('\n');
}
