// The text of an answer as it arrives, parted into free text and calls. The grammar has held it to the syntax, so that texts around
// names and arguments are stepped over; what a limit cuts off is missing at the end only.
import { randomBytes } from 'node:crypto';
import type { CallSyntax } from '../grammar/tool-calls.ts';

/** A call of a tool in an answer. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** Arguments as the model wrote them, JSON unless the answer was cut. */
  readonly arguments: string;
  /** False where the arguments have no end. */
  readonly isWhole: boolean;
}

/** Part of an answer. */
export type AnswerPart =
  | { readonly kind: 'text'; readonly text: string }
  /** A call begins. */
  | { readonly kind: 'call'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string }
  /** The arguments of a call are whole. */
  | { readonly kind: 'callEnd'; readonly index: number };

/** How the answer is written. */
export interface CallReading {
  readonly syntax: CallSyntax;
  /** Only the start of an answer may be the opening. */
  readonly isAtStart: boolean;
  /** Id of the opening where it is a token without text of its own; null where it is text. */
  readonly openingId: number | null;
}

type Phase = 'text' | 'freeText' | 'start' | 'name' | 'arguments' | 'after';

/** Bytes of the id of a call, too many to guess. */
const ID_BYTES = 12;

const NO_CALLS: CallSyntax = {
  opening: '',
  start: '',
  beforeArguments: '"',
  between: null,
  end: '',
};

/** Reader of one answer. */
export class CallReader {
  readonly #syntax: CallSyntax;
  readonly #isAtStart: boolean;
  readonly #openingId: number | null;
  #phase: Phase = 'text';
  /** Text that is not read yet. */
  #rest = '';
  #text = '';
  readonly #calls: { id: string; name: string; arguments: string; isWhole: boolean }[] = [];
  /** Objects and lists of the arguments that are open. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  constructor({ syntax, isAtStart, openingId }: CallReading) {
    this.#syntax = syntax;
    this.#isAtStart = isAtStart;
    this.#openingId = openingId;
  }

  /** Makes the reader of an answer that calls no tools. */
  static ofText(): CallReader {
    const reader = new CallReader({ syntax: NO_CALLS, isAtStart: false, openingId: null });
    reader.#phase = 'freeText';
    return reader;
  }

  /** Free text so far. */
  get text(): string {
    return this.#text;
  }

  /** Calls so far. */
  get calls(): readonly ToolCall[] {
    return this.#calls;
  }

  /** True where the answer has calls, and each is whole. */
  get hasWholeCalls(): boolean {
    return this.#calls.length > 0 && this.#calls.every(({ isWhole }) => isWhole);
  }

  /** Takes a piece of the answer and returns the parts that are known by it. */
  read(id: number, text: string): AnswerPart[] {
    if (id === this.#openingId && this.#phase === 'text') {
      const before = this.#freeText(this.#rest + text);
      this.#rest = '';
      this.#phase = 'start';
      return before;
    }
    this.#rest += text;
    return [...this.#parts()];
  }

  /** Takes the end of the answer and returns the text that was held back. */
  end(): AnswerPart[] {
    if (this.#phase !== 'text') return [];
    const rest = this.#rest;
    this.#rest = '';
    return this.#freeText(rest);
  }

  *#parts(): Generator<AnswerPart> {
    const { start, beforeArguments, between } = this.#syntax;
    for (;;) {
      switch (this.#phase) {
        case 'text':
          yield* this.#readText();
          if (this.#phase === 'text') return;
          break;
        case 'freeText':
          yield* this.#freeText(this.#take(this.#rest.length));
          return;
        case 'start': {
          // SentencePiece takes a space at the start of a text for its own.
          const length = start.length - (start.startsWith(' ') && !this.#rest.startsWith(' ') ? 1 : 0);
          if (this.#rest.length < length) return;
          this.#take(length);
          this.#phase = 'name';
          break;
        }
        case 'name': {
          const length = this.#rest.indexOf(beforeArguments);
          if (length < 0) return;
          yield this.#begin(this.#take(length));
          this.#take(beforeArguments.length);
          this.#phase = 'arguments';
          break;
        }
        case 'arguments':
          yield* this.#readArguments();
          if (this.#phase === 'arguments') return;
          break;
        case 'after':
          if (between === null || !this.#rest.startsWith(between)) return;
          this.#take(between.length);
          this.#phase = 'name';
      }
    }
  }

  /** Reads up to the opening; what may become one is held back. */
  #readText(): AnswerPart[] {
    const { opening } = this.#syntax;
    const isAtStart = this.#isAtStart;
    if (this.#openingId !== null) return this.#freeText(this.#take(this.#rest.length));
    const at = this.#rest.indexOf(opening);
    if (at >= 0 && (at === 0 || !isAtStart)) {
      const before = this.#freeText(this.#take(at));
      this.#take(opening.length);
      this.#phase = 'start';
      return before;
    }
    if (isAtStart) {
      if (!opening.startsWith(this.#rest)) this.#phase = 'freeText';
      return [];
    }
    let held = Math.min(opening.length - 1, this.#rest.length);
    while (!this.#rest.endsWith(opening.slice(0, held))) held--;
    return this.#freeText(this.#take(this.#rest.length - held));
  }

  #readArguments(): AnswerPart[] {
    const index = this.#calls.length - 1;
    const call = this.#calls[index];
    if (call === undefined) return [];
    let length = 0;
    while (length < this.#rest.length && !call.isWhole) call.isWhole = this.#isLast(this.#rest[length++]);
    const text = this.#take(length);
    call.arguments += text;
    if (call.isWhole) this.#phase = 'after';
    return [
      ...(text === '' ? [] : [{ kind: 'arguments', index, text } as const]),
      ...(call.isWhole ? [{ kind: 'callEnd', index } as const] : []),
    ];
  }

  /** Steps over a character of arguments; returns true for the one that ends them. */
  #isLast(character: string | undefined): boolean {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#isInString) {
      this.#isEscaped = character === '\\';
      this.#isInString = character !== '"';
    } else if (character === '"') this.#isInString = true;
    else if (character === '{' || character === '[') this.#depth++;
    else if (character === '}' || character === ']') this.#depth--;
    return this.#depth === 0 && (character === '}' || character === ']');
  }

  #begin(name: string): AnswerPart {
    const id = `call_${randomBytes(ID_BYTES).toString('hex')}`;
    const index = this.#calls.push({ id, name, arguments: '', isWhole: false }) - 1;
    return { kind: 'call', index, id, name };
  }

  #freeText(text: string): AnswerPart[] {
    this.#text += text;
    return text === '' ? [] : [{ kind: 'text', text }];
  }

  #take(length: number): string {
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return taken;
  }
}
