// Right outputs of `embed` and `embedTokens`: at most one addition, which f32 rounds in one way only.
import { type Expected, floatsOf } from '../kernel-case.ts';
import { storedValues } from '../weights/weight-tiles.ts';
import type { EmbedInputs } from './operands.ts';

/** out[T, C]; rows of tokens outside of the bound range stay as they are. @param learned true with the rows of positions. */
export function expectedEmbed(
  { C, N, first, ids, positions, wte: given, wpe, dtype }: EmbedInputs,
  { learned }: { readonly learned: boolean } = { learned: true },
): Expected {
  const wte = storedValues(C, N, dtype, given, 'nk');
  const want = new Float64Array(ids.length * C).fill(Number.NaN);
  for (const [t, id] of ids.entries()) {
    if (id < first || id >= first + N) continue;
    for (let c = 0; c < C; c++) {
      const position = learned ? wpe[positions[t]! * C + c]! : 0;
      want[t * C + c] = Math.fround(wte[(id - first) * C + c]! + position);
    }
  }
  return { want, tolerance: null, toNumbers: floatsOf };
}
