// An answer as it is printed: from its first letter, and up to a whole line, however it ends.

/** Control characters but tab and line feed: a terminal would obey them. */
const CONTROL = /[\p{Cc}--[\n\t]]/gv;

/** Printer of one answer. */
export interface AnswerPrinter {
  piece(text: string): void;
  /** Ends the line; idempotent. */
  end(): void;
}

/** Makes a printer of an answer; on a terminal it shows control characters as U+FFFD. */
export function answerPrinter(print: (text: string) => void, isTerminal: boolean): AnswerPrinter {
  let hasBegun = false;
  let isLine = false;
  return {
    piece: (text) => {
      const visible = hasBegun ? text : text.trimStart();
      if (visible === '') return;
      hasBegun = true;
      isLine = visible.endsWith('\n');
      print(isTerminal ? visible.replaceAll(CONTROL, '\uFFFD') : visible);
    },
    end: () => {
      if (!isLine) print('\n');
      isLine = true;
    },
  };
}
