// A shader's text, and the few questions about its expressions that mutation operators ask.
import { CLOSING, OPENING, type Token, tokenize } from './wgsl-tokens.ts';

const PRECEDENCE: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 6,
  '<=': 6,
  '>': 6,
  '>=': 6,
  '<<': 7,
  '>>': 7,
  '+': 8,
  '-': 8,
  '*': 9,
  '/': 9,
  '%': 9,
};
const ASSIGNMENTS = new Set(['=', '+=', '-=', '*=', '/=', '%=', '^=', '|=', '&=', '<<=', '>>=']);
const LOOPS = new Set(['for', 'while', 'loop']);
const ENDS = new Set([',', ';', '{', '}', ':', 'return', 'else']);
/** Words after which an expression begins: a `-` there has one operand. */
const BEFORE_EXPRESSIONS = new Set(['return', 'if', 'while', 'switch', 'case', 'else']);

/** Token indices [start, end). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Tokens of a shader, and what they are to each other. */
export class WgslText {
  readonly source: string;
  readonly tokens: readonly Token[];
  /** Tokens at which the loops and their bodies begin. */
  readonly loops: readonly { readonly keyword: number; readonly brace: number }[];

  constructor(source: string) {
    this.source = source;
    this.tokens = tokenize(source);
    this.loops = this.tokens.flatMap(({ text, mutable }, keyword) => {
      return mutable && LOOPS.has(text) ? [{ keyword, brace: this.braceAfter(keyword) }] : [];
    });
  }

  /** The text of the token, or '' beyond the ends. */
  at(index: number): string {
    return this.tokens[index]?.text ?? '';
  }

  textOf({ start, end }: Range): string {
    return this.source.slice(this.tokens[start]!.start, this.tokens[end - 1]!.end);
  }

  /** Line and column of a character, both from 1. */
  placeOf(offset: number): { readonly line: number; readonly column: number } {
    const lines = this.source.slice(0, offset).split('\n');
    return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
  }

  /** Tells whether a token is an operator between two operands. */
  isBinary(index: number): boolean {
    const token = this.tokens[index];
    if (!token || token.inTemplate || !(token.text in PRECEDENCE)) return false;
    const before = this.tokens[index - 1];
    if (!before) return false;
    if (before.inTemplate) return before.text.startsWith('>');
    return CLOSING.has(before.text) || (/^[\w.]/.test(before.text) && !BEFORE_EXPRESSIONS.has(before.text));
  }

  isAssignment(index: number): boolean {
    return ASSIGNMENTS.has(this.at(index));
  }

  /** The two operands of a binary operator. */
  operands(index: number): { left: Range; right: Range } {
    const own = PRECEDENCE[this.at(index)]!;
    let depth = 0;
    let start = index - 1;
    for (; start >= 0; start--) {
      const text = this.at(start);
      if (CLOSING.has(text)) depth++;
      else if (OPENING.has(text)) depth--;
      if (depth < 0 || (depth === 0 && this.#separates(start, own - 1))) break;
    }
    depth = 0;
    let end = index + 1;
    for (; end < this.tokens.length; end++) {
      const text = this.at(end);
      if (OPENING.has(text)) depth++;
      else if (CLOSING.has(text)) depth--;
      if (depth < 0 || (depth === 0 && this.#separates(end, own))) break;
    }
    return { left: { start: start + 1, end: index }, right: { start: index + 1, end } };
  }

  /**
   * Tells whether a token ends an operand of an operator: it is no part of an expression, or binds no tighter than
   * `weakest`.
   */
  #separates(index: number, weakest: number): boolean {
    const text = this.at(index);
    if (ENDS.has(text) || ASSIGNMENTS.has(text) || text.startsWith('@')) return true;
    return this.isBinary(index) && PRECEDENCE[text]! <= weakest;
  }

  /** Index of the bracket that closes the one at `open`. */
  closing(open: number): number {
    let depth = 0;
    for (let i = open; i < this.tokens.length; i++) {
      if (this.at(i) === '{' || OPENING.has(this.at(i))) depth++;
      else if (this.at(i) === '}' || CLOSING.has(this.at(i))) depth--;
      if (depth === 0) return i;
    }
    return this.tokens.length - 1;
  }

  /** Index of the brace that opens the block of a statement, such as an `if` or a loop. */
  braceAfter(keyword: number): number {
    let index = keyword + 1;
    while (index < this.tokens.length && this.at(index) !== '{') {
      index = OPENING.has(this.at(index)) ? this.closing(index) + 1 : index + 1;
    }
    return index;
  }

  /** Value that a `var` begins with, or null. */
  initialValue(keyword: number): Range | null {
    const end = this.statementEnd(keyword);
    for (let i = keyword + 1; i < end; i++) {
      if (this.at(i) === '=') return { start: i + 1, end };
    }
    return null;
  }

  /** The arguments between the bracket at `open` and its end. */
  argumentsOf(open: number): Range[] {
    const close = this.closing(open);
    const ranges: Range[] = [];
    let start = open + 1;
    for (let i = start; i <= close; i++) {
      if (i < close && OPENING.has(this.at(i))) i = this.closing(i);
      else if (i === close || (this.at(i) === ',' && this.tokens[i]!.mutable)) {
        if (i > start) ranges.push({ start, end: i });
        start = i + 1;
      }
    }
    return ranges;
  }

  /** Index of the semicolon that ends the statement around a token. */
  statementEnd(index: number): number {
    let end = index;
    while (end < this.tokens.length && this.at(end) !== ';')
      end = OPENING.has(this.at(end)) ? this.closing(end) + 1 : end + 1;
    return end;
  }

  /** Tells whether a token lies between the brackets of a `for`. */
  isInLoopHeader(index: number): boolean {
    return this.loops.some(({ keyword, brace }) => keyword < index && index < brace);
  }

  /** Tells whether a token lies in the body of a loop. */
  isInLoop(index: number): boolean {
    return this.loops.some(({ brace }) => brace < index && index < this.closing(brace));
  }

  /** Tells whether a statement may begin at the token. */
  beginsStatement(index: number): boolean {
    const before = this.at(index - 1);
    if (this.tokens[index]?.nested) return false;
    return before === ';' || before === '{' || before === '}' || before.startsWith('@');
  }
}
