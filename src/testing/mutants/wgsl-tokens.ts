// Tokens of a shader as mutation operators need them: comments are gone, template lists are known from comparisons, and each token
// knows whether a fault may be planted in it. Any layout of the text is understood.

/** A token of a shader. */
export interface Token {
  readonly text: string;
  /** Offsets in characters, [start, end). */
  readonly start: number;
  readonly end: number;
  /** Part of a template list, its brackets included. */
  readonly inTemplate: boolean;
  /** Inside a function's body or the value of a module's constant, and not in a template list. */
  readonly mutable: boolean;
  /** Inside brackets. */
  readonly nested: boolean;
}

type RawToken = Pick<Token, 'text' | 'start' | 'end'>;

const TOKEN =
  /\/\/.*|\/\*|@\w+(?:\([^)]*\))?|[A-Za-z_]\w*(?:::\w+)*|0x[\da-fA-F]+(?:\.[\da-fA-F]*)?(?:p[+-]?\d+)?[uifh]?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[uifh]?|<<=|>>=|[-+*/%&|^]=|<<|>>|[<>=!]=|&&|\|\||\+\+|--|->|\S/g;

/** Brackets that open. */
export const OPENING: ReadonlySet<string> = new Set(['(', '[']);
/** Brackets that close. */
export const CLOSING: ReadonlySet<string> = new Set([')', ']']);

/** Reads the tokens of a text. */
export function tokenize(source: string): Token[] {
  const raw = readTokens(source);
  const templates = templateTokens(raw);
  let depth = 0;
  let brackets = 0;
  // Kind of the declaration at the top level: its first word.
  let declaration = '';
  return raw.map((token, i) => {
    const { text } = token;
    const inTemplate = templates.has(i);
    const isConst = declaration === 'const' && raw[i - 1]?.text !== 'const';
    const isBody = declaration === 'fn' && depth > 0;
    const nested = brackets > 0;
    if (declaration === '' && !text.startsWith('@')) declaration = text;
    if (text === '{') depth++;
    else if (text === '}') depth--;
    else if (OPENING.has(text)) brackets++;
    else if (CLOSING.has(text)) brackets--;
    if (depth === 0 && (text === ';' || (text === '}' && declaration !== 'import'))) declaration = '';
    return { ...token, inTemplate, mutable: !inTemplate && (isConst || isBody), nested };
  });
}

function readTokens(source: string): RawToken[] {
  const tokens: RawToken[] = [];
  let from = 0;
  for (const { 0: text, index: start } of source.matchAll(TOKEN)) {
    if (start < from || text.startsWith('//')) continue;
    if (text === '/*') from = endOfComment(source, start);
    else tokens.push({ text, start, end: start + text.length });
  }
  return tokens;
}

/** Offset after a block comment, which may hold others. */
function endOfComment(source: string, start: number): number {
  let depth = 0;
  for (const { 0: mark, index } of source.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return start + index + 2;
  }
  return source.length;
}

/**
 * Finds the tokens of template lists by the rule of the WGSL specification (§ 3.9, template list discovery): a `<` after a
 * name opens one if a `>` follows on the same level of brackets before anything that no list holds.
 */
function templateTokens(tokens: readonly RawToken[]): ReadonlySet<number> {
  const found = new Set<number>();
  let depth = 0;
  let pending: { readonly index: number; readonly depth: number }[] = [];
  const close = (end: number) => {
    if (pending.at(-1)?.depth !== depth) return;
    const { index = end } = pending.pop() ?? {};
    for (let i = index; i <= end; i++) found.add(i);
  };
  tokens.forEach(({ text }, i) => {
    if (text === '<' && /^[A-Za-z_]/.test(tokens[i - 1]?.text ?? '')) pending.push({ index: i, depth });
    else if (text === '>') close(i);
    else if (text === '>>') {
      close(i);
      close(i);
    } else if (OPENING.has(text)) depth++;
    else if (CLOSING.has(text)) {
      pending = pending.filter((open) => open.depth < depth);
      depth--;
    } else if (text === '&&' || text === '||') pending = pending.filter((open) => open.depth < depth);
    else if ([';', '{', ':', '='].includes(text)) {
      pending = [];
      depth = 0;
    }
  });
  return found;
}
