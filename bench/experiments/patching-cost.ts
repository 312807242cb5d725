// Price of activation patching: as many plain forward passes, passes with an edit, and passes with an edit that go on from a cached
// beginning. The three take turns position by position, so that a machine that slows down slows all of them.
import type { PointName } from '../../src/models/points.ts';
import type { LoadedTextModel } from '../../src/research/load-text-model.ts';
import { type Figure, formatFigure, ratio } from '../../src/util/figures.ts';
import { uniform } from '../../src/util/rng.ts';
import { median } from '../../src/util/statistics.ts';
import { formatRow } from '../report/table.ts';

/** Text and repetitions of a measurement. */
export interface PatchingCostOptions {
  /** Tokens of the text. */
  readonly tokens: number;
  readonly rounds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onRound?: ((round: number) => void) | undefined;
}

/** Median times of all runs of a sweep over layers and positions. */
export interface PatchingCost {
  readonly runs: number;
  readonly plainMs: Figure;
  readonly patchedMs: Figure;
  /** The computation of the beginning included. */
  readonly cachedMs: Figure;
}

const WIDTHS = [26, -10, -10] as const;

/** Measures a sweep over all layers and positions of a random text. @throws the signal's reason; what `forward` throws. */
export async function measurePatching(
  { model }: LoadedTextModel,
  { tokens, rounds, signal, onRound = () => {} }: PatchingCostOptions,
): Promise<PatchingCost> {
  const { numLayers, vocabSize } = model.config;
  const textOf = (seed: number) =>
    Array.from({ length: tokens }, (_, t) => Math.floor(uniform(seed, t, 0) * vocabSize));
  const [clean, corrupted] = [textOf(1), textOf(2)];
  const points = Array.from({ length: numLayers }, (_, layer): PointName => `blocks.${layer}.resid_pre`);
  using source = await model.forward(clean, { taps: points });
  const sums = { plain: [] as number[], patched: [] as number[], cached: [] as number[] };
  // The first round compiles and is not counted.
  for (let round = 0; round <= rounds; round++) {
    onRound(round);
    const spent = { plain: 0, patched: 0, cached: 0 };
    const time = async <T>(kind: keyof typeof spent, run: () => Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await run();
      spent[kind] += performance.now() - start;
      return result;
    };
    using prefix = await time('cached', () => model.prefill(corrupted));
    for (let position = 0; position < tokens; position++) {
      signal?.throwIfAborted();
      const rest = corrupted.slice(position);
      const cache = position > 0 ? prefix.prefix(position) : undefined;
      const editOf = (at: PointName) => [{ at, position, set: source.taps.get(at)! }];
      const all = (run: (at: PointName) => Promise<unknown>) => Promise.all(points.map(run));
      await time('plain', () => all(() => model.nextLogits(corrupted)));
      await time('patched', () => all((at) => model.nextLogits(corrupted, { edit: editOf(at) })));
      await time('cached', () => all((at) => model.nextLogits(rest, { cache, edit: editOf(at) })));
    }
    if (round === 0) continue;
    for (const kind of ['plain', 'patched', 'cached'] as const) sums[kind].push(spent[kind]);
  }
  const [plainMs, patchedMs, cachedMs] = [sums.plain, sums.patched, sums.cached].map(median);
  return { runs: numLayers * tokens, plainMs: plainMs!, patchedMs: patchedMs!, cachedMs: cachedMs! };
}

/** Formats the times, each over that of as many plain passes. */
export function formatPatchingCost({ runs, plainMs, patchedMs, cachedMs }: PatchingCost): string {
  const rows = [
    [`${runs} plain passes`, plainMs],
    ['patched', patchedMs],
    ['patched, from a cache', cachedMs],
  ] as const;
  const head = formatRow(['', 'ms', '÷ plain'], WIDTHS);
  const lines = rows.map(([name, ms]) =>
    formatRow([name, formatFigure(ms, 1), formatFigure(ratio(ms, plainMs), 3)], WIDTHS),
  );
  return [head, ...lines].join('\n');
}
