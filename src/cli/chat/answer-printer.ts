// An answer as it is printed: from its first letter to its last, and then the end of a line, however it ends.

/** Control characters but tab and line feed: a terminal would obey them. */
const CONTROL = /[\p{Cc}--[\n\t]]/gv;

/** Place where answers are printed. */
export interface AnswerPlace {
  /** Shows control characters as U+FFFD. */
  readonly isTerminal: boolean;
  /** Text before the answer, once there is one. */
  readonly before: string;
  readonly print: (text: string) => void;
}

/** Printer of one answer. */
export interface AnswerPrinter {
  piece(text: string): void;
  /** Ends an answer with a line, which is empty where the answer is. */
  end(): void;
  /** Ends the line of an answer that failed, where it has begun one. */
  cut(): void;
}

/** Makes a printer of an answer. */
export function answerPrinter({ isTerminal, before, print }: AnswerPlace): AnswerPrinter {
  let hasBegun = false;
  /** White space that is printed once a letter follows. */
  let held = '';
  const begin = () => {
    if (!hasBegun) print(before);
    hasBegun = true;
  };
  const end = () => {
    begin();
    print('\n');
  };
  return {
    piece: (text) => {
      const all = hasBegun ? held + text : text.trimStart();
      const visible = all.trimEnd();
      held = all.slice(visible.length);
      if (visible === '') return;
      begin();
      print(isTerminal ? visible.replaceAll(CONTROL, '\uFFFD') : visible);
    },
    end,
    cut: () => {
      if (hasBegun) end();
    },
  };
}
