/** A token of a shader; `open` to `close` are the expressions that mutation operators may change. */
export interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Inside a function's body or the value of a module's constant, and not in a template list. */
  readonly mutable: boolean;
  /** Inside brackets. */
  readonly nested: boolean;
}

const TOKEN =
  /\/\/.*|@\w+(?:\([^)]*\))?|[A-Za-z_]\w*(?:::\w+)*|0x[\da-fA-F]+(?:\.[\da-fA-F]*)?(?:p[+-]?\d+)?[uif]?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[uif]?|<<=|>>=|[-+*/%&|^]=|<<|>>|[<>=!]=|&&|\|\||\+\+|--|->|\S/g;

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
const OPENING = new Set(['(', '[']);
const CLOSING = new Set([')', ']']);
const ENDS = new Set([',', ';', '{', '}', ':', 'return', 'else']);

/** Token indices [start, end). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The tokens of a shader and the few questions about expressions that mutation operators ask. */
export class WgslText {
  readonly source: string;
  readonly tokens: readonly Token[];
  /** Tokens at which the loops and their bodies begin. */
  readonly #loops: readonly { readonly keyword: number; readonly brace: number }[];

  constructor(source: string) {
    this.source = source;
    this.tokens = tokenize(source);
    this.#loops = this.tokens.flatMap(({ text, mutable }, keyword) => {
      if (!mutable || !['for', 'while', 'loop'].includes(text)) return [];
      return [{ keyword, brace: text === 'loop' ? keyword + 1 : this.closing(keyword + 1) + 1 }];
    });
  }

  /** The text of the token, or '' beyond the ends. */
  at(index: number): string {
    return this.tokens[index]?.text ?? '';
  }

  textOf({ start, end }: Range): string {
    return this.source.slice(this.tokens[start]!.start, this.tokens[end - 1]!.end);
  }

  /** Number of the line, from 1, in which a character lies. */
  lineOf(offset: number): number {
    return this.source.slice(0, offset).split('\n').length;
  }

  /** The shaders are formatted: a binary operator has a space on either side. */
  isBinary(index: number): boolean {
    const token = this.tokens[index]!;
    return token.text in PRECEDENCE && this.source[token.start - 1] === ' ' && /\s/.test(this.source[token.end]!);
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
    return this.#loops.some(({ keyword, brace }) => keyword < index && index < brace);
  }

  /** Tells whether a token lies in the body of a loop. */
  isInLoop(index: number): boolean {
    return this.#loops.some(({ brace }) => brace < index && index < this.closing(brace));
  }

  /** Tells whether a statement may begin at the token. */
  beginsStatement(index: number): boolean {
    const before = this.at(index - 1);
    if (this.tokens[index]?.nested) return false;
    return before === ';' || before === '{' || before === '}' || before.startsWith('@');
  }
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let brackets = 0;
  let templates = 0;
  // Kind of the declaration at the top level: its first word.
  let declaration = '';
  for (const { 0: text, index: start } of source.matchAll(TOKEN)) {
    if (text.startsWith('//')) continue;
    const end = start + text.length;
    if (text === '<' && /\w/.test(source[start - 1]!)) templates++;
    const isConst = declaration === 'const' && tokens.at(-1)?.text !== 'const';
    const isBody = declaration === 'fn' && depth > 0;
    tokens.push({ text, start, end, mutable: templates === 0 && (isConst || isBody), nested: brackets > 0 });
    if (templates > 0 && text.startsWith('>')) templates -= text.length;
    if (declaration === '' && !text.startsWith('@')) declaration = text;
    if (text === '{') depth++;
    else if (text === '}') depth--;
    else if (OPENING.has(text)) brackets++;
    else if (CLOSING.has(text)) brackets--;
    if (depth === 0 && (text === ';' || (text === '}' && declaration !== 'import'))) declaration = '';
  }
  return tokens;
}
