// Completions as they are printed: as text, as JSON, or with how likely each token was.
import type { FinishedRequest, TextPiece } from '../../engine/request.ts';
import { tokenText } from '../../tokenizer/token-text.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { variable } from '../../util/environment.ts';

/** Writer of completions, one after another. */
export interface CompletionWriter {
  piece(piece: TextPiece): void;
  /** Ends a completion. @param response null for one that was cut or failed. */
  end(index: number, response: FinishedRequest | null): void;
}

type Print = (text: string) => void;

/** Writes the texts, each on lines of its own, with an empty line between two. */
export function plainWriter(print: Print): CompletionWriter {
  let isEnded = false;
  return {
    piece: ({ text }) => {
      if (isEnded) print('\n');
      isEnded = false;
      print(text);
    },
    end: () => {
      isEnded = true;
      print('\n');
    },
  };
}

/** Writes an object a line for each completion that came to its end. */
export function jsonWriter(print: Print): CompletionWriter {
  return {
    piece: () => {},
    end: (index, response) => {
      if (response === null) return;
      const { text, ids, seed, finishReason, stopReason, promptTokens, cachedTokens, logprobs, timings } = response;
      const { ttft, tpot, e2e } = timings;
      const completion = { index, text, ids, seed, finishReason, stopReason, promptTokens, cachedTokens };
      const times = { ttftMs: ttft, tpotMs: tpot, e2eMs: e2e };
      print(`${JSON.stringify({ ...completion, ...(logprobs && { logprobs }), ...times })}\n`);
    },
  };
}

/** Colours of the 256 of terminals by probability, the most likely first. */
const COLOURS: readonly [least: number, colour: number][] = [
  [0.5, 34],
  [0.2, 112],
  [0.05, 220],
  [0.01, 208],
  [0, 196],
];

/** Writes the tokens with their probabilities: coloured on a terminal, else in a table of tabs with the token as JSON. */
export function logprobsWriter(
  tokenizer: Tokenizer,
  print: Print,
  isColoured = process.stdout.isTTY === true && variable('NO_COLOR') === undefined,
): CompletionWriter {
  if (isColoured) {
    return {
      piece: ({ text, logprobs }) => {
        const [, colour = 0] = COLOURS.find(([least]) => Math.exp(logprobs?.logprob ?? 0) >= least) ?? [];
        print(`\u001B[38;5;${colour}m${text}\u001B[39m`);
      },
      end: () => print('\n'),
    };
  }
  let hasHead = false;
  return {
    piece: ({ id, logprobs }) => {
      if (!hasHead) print('logprob\tprobability\tid\ttoken\n');
      hasHead = true;
      const { logprob } = logprobs ?? { logprob: Number.NaN };
      print(
        `${logprob.toFixed(4)}\t${Math.exp(logprob).toFixed(4)}\t${id}\t${JSON.stringify(tokenText(tokenizer, id))}\n`,
      );
    },
    end: () => {},
  };
}
