// A text read from left to right by a parser, whose errors name the place.
import { GrammarLimitError, GrammarSyntaxError } from './errors.ts';

/** Most groups within each other. */
const MAX_DEPTH = 64;
/** Highest bound of a repetition. */
export const MAX_BOUND = 10_000;

/** Reader of a text's characters. */
export class TextReader {
  readonly #subject: string;
  readonly #characters: readonly string[];
  #position = 0;
  #depth = 0;

  /**
   * @param subject names the text in errors.
   * @throws GrammarLimitError for a text of more than `maxLength` UTF-16 units.
   * @throws GrammarSyntaxError for one with half a surrogate pair.
   */
  constructor(subject: string, text: string, maxLength: number) {
    if (text.length > maxLength) throw new GrammarLimitError(`characters of the ${subject}`, text.length, maxLength);
    this.#subject = subject;
    this.#characters = Array.from(text);
    const half = this.#characters.findIndex((character) => !character.isWellFormed());
    if (half !== -1) throw new GrammarSyntaxError(subject, half, 'half of a surrogate pair');
  }

  /** Characters that were read. */
  get position(): number {
    return this.#position;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#characters.length;
  }

  /** Gives the next character, or one `ahead` of it; empty beyond the end. */
  peek(ahead = 0): string {
    return this.#characters[this.#position + ahead] ?? '';
  }

  /** Tells whether a text of ASCII comes next. */
  sees(text: string): boolean {
    return Array.from(text).every((character, index) => this.peek(index) === character);
  }

  /** Reads a text if it comes next. */
  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#position += text.length;
    return true;
  }

  /** Reads one character. */
  next(): string {
    const character = this.peek();
    this.#position++;
    return character;
  }

  /** Reads characters while they match. */
  takeWhile(pattern: RegExp): string {
    const start = this.#position;
    while (!this.isAtEnd && pattern.test(this.peek())) this.#position++;
    return this.#characters.slice(start, this.#position).join('');
  }

  /** Reads hexadecimal digits of a character's code. */
  takeCode(numDigits: number): number {
    const start = this.#position;
    return this.checkCode(this.takeHex(numDigits), start);
  }

  /** Reads hexadecimal digits. */
  takeHex(numDigits: number): number {
    const start = this.#position;
    let digits = '';
    while (digits.length < numDigits && /[0-9A-Fa-f]/.test(this.peek())) digits += this.next();
    if (digits.length < numDigits) throw this.refuse(`expected ${numDigits} hexadecimal digits`, start);
    return Number.parseInt(digits, 16);
  }

  /** Refuses what is no character's code. */
  checkCode(code: number, position: number): number {
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      throw this.refuse(`U+${code.toString(16).toUpperCase()} is no character`, position);
    return code;
  }

  /**
   * Reads `{n}`, `{n,}` or `{n,m}` after its first brace.
   *
   * @throws GrammarSyntaxError for a bound above the highest, one that is no number, and for two in the wrong order.
   */
  takeBounds(): readonly [least: number, most: number] {
    const start = this.#position - 1;
    const least = this.takeWhile(/[0-9]/);
    const hasMost = this.take(',');
    const most = hasMost ? this.takeWhile(/[0-9]/) : least;
    if (least === '' || !this.take('}')) throw this.refuse('expected {n}, {n,} or {n,m}', start);
    const bounds = [Number(least), most === '' ? Number.POSITIVE_INFINITY : Number(most)] as const;
    const highest = Math.max(...bounds.filter(Number.isFinite));
    if (highest > MAX_BOUND) throw this.refuse(`repetition of ${highest}, expected at most ${MAX_BOUND}`, start);
    if (bounds[0] > bounds[1]) throw this.refuse(`repetition of ${bounds[0]} to ${bounds[1]}`, start);
    return bounds;
  }

  /** Reads a group's inside one level deeper. */
  nested<T>(read: () => T): T {
    if (this.#depth === MAX_DEPTH) throw this.refuse(`groups nested deeper than ${MAX_DEPTH}`);
    this.#depth++;
    const inside = read();
    this.#depth--;
    return inside;
  }

  /** Makes the error of a place. */
  refuse(problem: string, position: number = this.#position): GrammarSyntaxError {
    return new GrammarSyntaxError(this.#subject, position, problem);
  }
}
