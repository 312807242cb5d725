// Windows of a long text: the model has positions for no more than one of them at a time. A token counts in the first window that
// predicts it, as in `perplexity` of src/research.
import type { TextModel } from '../../research/text-model.ts';

/** Sizes of windows, in tokens. */
export interface WindowSizes {
  /** Most tokens that a token is predicted from. */
  readonly context: number;
  /** From the start of a window to that of the next. */
  readonly stride: number;
}

/** Window of a text. */
export interface Window {
  /** Position of its first token, from which the others are predicted. */
  readonly start: number;
  /** Position of the first token that counts. */
  readonly first: number;
  /** Position after the last one. */
  readonly end: number;
}

/** Token of a text, predicted. */
export interface ScoredToken {
  /** From 1: nothing predicts the first token. */
  readonly position: number;
  readonly id: number;
  /** In nats. */
  readonly logprob: number;
}

/** Windows that are scored together: as many as fill steps, and few enough to show progress and to stop soon. */
const TOGETHER = 8;

/** Cuts a text into windows. @param numTokens at least 2. */
export function cutWindows(numTokens: number, { context, stride }: WindowSizes): Window[] {
  const windows: Window[] = [];
  for (let start = 0, first = 1; first < numTokens; start += stride) {
    const end = Math.min(start + context + 1, numTokens);
    windows.push({ start, first, end });
    first = end;
  }
  return windows;
}

/** Scores windows, some at a time: the tokens that count. */
export async function* scoreWindows(
  model: Pick<TextModel, 'scoreTexts'>,
  ids: readonly number[],
  windows: readonly Window[],
): AsyncGenerator<ScoredToken[]> {
  for (let at = 0; at < windows.length; at += TOGETHER) {
    const some = windows.slice(at, at + TOGETHER);
    const scores = await model.scoreTexts(some.map(({ start, end }) => ids.slice(start, end)));
    yield some.flatMap(({ start, first, end }, i) =>
      Array.from({ length: end - first }, (_, j) => {
        const position = first + j;
        return { position, id: ids[position]!, logprob: scores[i]![position - start - 1]! };
      }),
    );
  }
}
