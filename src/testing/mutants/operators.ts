// Mutation operators over a shader's tokens: each changes one place in a way that a programmer might get wrong.
import type { Range, WgslText } from './wgsl-text.ts';

/** A piece of a shader's text and its replacement; offsets in characters. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The changes that an operator may make at a token, each a mutant. */
type Operator = (wgsl: WgslText, index: number) => readonly (readonly Edit[])[];

const BOUNDS = new Set(['<', '<=', '>', '>=']);
const NEXT: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '==' };
const REVERSED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const ARITHMETIC: Readonly<Record<string, string>> = {
  '+': '-',
  '-': '+',
  '*': '+',
  '/': '*',
  '%': '/',
  '<<': '>>',
  '>>': '<<',
  '|': '&',
  '&': '|',
  '^': '|',
  '+=': '-=',
  '-=': '+=',
  '^=': '|=',
};
const TWINS: Readonly<Record<string, string>> = {
  first_quad: 'second_quad',
  second_quad: 'first_quad',
  low_halves: 'high_halves',
  high_halves: 'low_halves',
  floor: 'ceil',
  exp: 'exp2',
  sqrt: 'abs',
};
const EXTREMES: Readonly<Record<string, string>> = { min: 'max', max: 'min', atomicMax: 'atomicMin' };
const COMPONENTS: Readonly<Record<string, string>> = { x: 'y', y: 'x', z: 'w', w: 'z' };

function replaceToken(wgsl: WgslText, index: number, text: string | undefined): Edit[][] {
  return text === undefined ? [] : [[replaceRange(wgsl, { start: index, end: index + 1 }, text)]];
}

function replaceRange(wgsl: WgslText, { start, end }: Range, text: string): Edit {
  return { start: wgsl.tokens[start]!.start, end: wgsl.tokens[end - 1]!.end, text };
}

/** The arguments of a call of one of the functions, or none. */
function callOf(wgsl: WgslText, index: number, ...names: readonly string[]): Range[] {
  return names.includes(wgsl.at(index)) && wgsl.at(index + 1) === '(' ? wgsl.argumentsOf(index + 1) : [];
}

/** The whole call at a token. */
function call(wgsl: WgslText, index: number): Range {
  return { start: index, end: wgsl.closing(index + 1) + 1 };
}

/** The condition of an `if` at a token, or null. */
function conditionOf(wgsl: WgslText, index: number): Range | null {
  if (wgsl.at(index) !== 'if') return null;
  const brace = wgsl.braceAfter(index);
  const isBracketed = wgsl.at(index + 1) === '(' && wgsl.closing(index + 1) === brace - 1;
  return isBracketed ? { start: index + 2, end: brace - 1 } : { start: index + 1, end: brace };
}

/** Operator by name. Each looks at every mutable token of a shader. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  'comparison flipped': (wgsl, i) => (wgsl.isBinary(i) ? replaceToken(wgsl, i, NEXT[wgsl.at(i)]) : []),
  // Not in the header of a loop, which would run for ever.
  'comparison reversed': (wgsl, i) =>
    wgsl.isBinary(i) && !wgsl.isInLoopHeader(i) ? replaceToken(wgsl, i, REVERSED[wgsl.at(i)]) : [],
  'bound ± 1': (wgsl, i) => {
    if (!wgsl.isBinary(i) || !BOUNDS.has(wgsl.at(i))) return [];
    const { right } = wgsl.operands(i);
    return [' + 1', ' - 1'].map((step) => [replaceRange(wgsl, right, `(${wgsl.textOf(right)}${step})`)]);
  },
  'barrier removed': (wgsl, i) =>
    ['workgroupBarrier', 'storageBarrier'].includes(wgsl.at(i))
      ? [[replaceRange(wgsl, { start: i, end: i + 4 }, '')]]
      : [],
  'arithmetic changed': (wgsl, i) =>
    wgsl.isBinary(i) || wgsl.isAssignment(i) ? replaceToken(wgsl, i, ARITHMETIC[wgsl.at(i)]) : [],
  'term dropped': (wgsl, i) => {
    if (!wgsl.isBinary(i) || !['+', '-'].includes(wgsl.at(i))) return [];
    return [[replaceRange(wgsl, { start: i, end: wgsl.operands(i).right.end }, '')]];
  },
  'factor dropped': (wgsl, i) => {
    if (!wgsl.isBinary(i) || !['*', '/', '%'].includes(wgsl.at(i))) return [];
    return [[replaceRange(wgsl, { start: i, end: wgsl.operands(i).right.end }, '')]];
  },
  'operands swapped': (wgsl, i) => {
    const [first, second] = callOf(wgsl, i, 'select');
    if (first && second) {
      return [[replaceRange(wgsl, first, wgsl.textOf(second)), replaceRange(wgsl, second, wgsl.textOf(first))]];
    }
    if (!wgsl.isBinary(i) || !['-', '/', '%'].includes(wgsl.at(i))) return [];
    const { left, right } = wgsl.operands(i);
    const swapped = `(${wgsl.textOf(right)}) ${wgsl.at(i)} (${wgsl.textOf(left)})`;
    return [[replaceRange(wgsl, { start: left.start, end: right.end }, swapped)]];
  },
  'mask inverted': (wgsl, i) => {
    const mask = callOf(wgsl, i, 'select')[2] ?? conditionOf(wgsl, i);
    return mask ? [[replaceRange(wgsl, mask, `!(${wgsl.textOf(mask)})`)]] : [];
  },
  'condition fixed': (wgsl, i) => {
    const condition = conditionOf(wgsl, i);
    return condition ? ['true', 'false'].map((value) => [replaceRange(wgsl, condition, value)]) : [];
  },
  'conjunct dropped': (wgsl, i) => {
    if (!wgsl.isBinary(i) || !['&&', '||'].includes(wgsl.at(i))) return [];
    const { left, right } = wgsl.operands(i);
    return [
      [replaceRange(wgsl, { start: i, end: right.end }, '')],
      [replaceRange(wgsl, { start: left.start, end: i + 1 }, '')],
      ...replaceToken(wgsl, i, wgsl.at(i) === '&&' ? '||' : '&&'),
    ];
  },
  'initial value changed': (wgsl, i) => {
    const value = wgsl.at(i) === 'var' ? wgsl.initialValue(i) : null;
    if (value === null) return [];
    const changed = { '0.0': '1.0', 'vec4f()': 'vec4f(1.0)', MASKED: '0.0' }[wgsl.textOf(value)];
    return changed ? [[replaceRange(wgsl, value, changed)]] : [];
  },
  // The variable moves out of the function and keeps what the last turn of the loop left in it.
  'reset removed': (wgsl, i) => {
    const initial = wgsl.at(i) === 'var' && wgsl.beginsStatement(i) && wgsl.isInLoop(i) ? wgsl.initialValue(i) : null;
    if (initial === null) return [];
    const statement = { start: i, end: initial.end + 1 };
    const value = wgsl.textOf(initial);
    if (!/^(array<.*>\(\)|\w+\(\)|\d[\w.]*|false|true)$/.test(value)) return [];
    const hoisted = `\nvar<private> ${wgsl.at(i + 1)} = ${value};\n`;
    const { length } = wgsl.source;
    return [[replaceRange(wgsl, statement, ''), { start: length, end: length, text: hoisted }]];
  },
  'min and max swapped': (wgsl, i) => (wgsl.at(i + 1) === '(' ? replaceToken(wgsl, i, EXTREMES[wgsl.at(i)]) : []),
  'limit dropped': (wgsl, i) => {
    const [first] = callOf(wgsl, i, 'min', 'max', 'clamp');
    return first ? [[replaceRange(wgsl, call(wgsl, i), wgsl.textOf(first))]] : [];
  },
  'constant perturbed': (wgsl, i) => {
    const text = wgsl.at(i);
    if (!/^\.?\d/.test(text)) return [];
    if (/^0\.0[fh]?$/.test(text)) return replaceToken(wgsl, i, '1.0');
    if (/^(0x.*p|\d*\.\d|\d+e)/.test(text)) return replaceToken(wgsl, i, `(${text} * 1.01)`);
    const up = replaceToken(wgsl, i, `(${text} + 1)`);
    return /^0[ui]?$/.test(text) ? up : [...up, ...replaceToken(wgsl, i, `(${text} - 1)`)];
  },
  // A loop that sums runs from its last turn to its first.
  'order reversed': (wgsl, i) => {
    if (wgsl.at(i) !== 'for') return [];
    const name = wgsl.at(i + 3);
    const header = wgsl.textOf({ start: i, end: wgsl.closing(i + 1) + 1 });
    const [, from, end] = header.match(/^for \(var \w+ = ([^;]+); \w+ < ([^;]+); \w+\+\+\)$/) ?? [];
    if (from === undefined || end === undefined) return [];
    const brace = wgsl.closing(i + 1) + 1;
    if (!accumulates(wgsl.textOf({ start: brace, end: wgsl.closing(brace) + 1 }), name)) return [];
    const turned = header.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `${name}_up`);
    return [
      [
        replaceRange(wgsl, { start: i, end: brace }, turned),
        replaceRange(wgsl, { start: brace, end: brace + 1 }, `{ let ${name} = (${from}) + (${end}) - 1 - ${name}_up;`),
      ],
    ];
  },
  // Two that add to the same variable, one after the other.
  'terms exchanged': (wgsl, i) => {
    if (!wgsl.beginsStatement(i) || wgsl.at(i) === 'let' || wgsl.at(i) === 'var') return [];
    const first = { start: i, end: wgsl.statementEnd(i) + 1 };
    const second = { start: first.end, end: wgsl.statementEnd(first.end) + 1 };
    const [one, other] = [first, second].map((range) => (range.end <= wgsl.tokens.length ? wgsl.textOf(range) : ''));
    if (
      !one ||
      !other ||
      one === other ||
      !/^[\w.[\]]+ [-+^]?= /.test(one) ||
      one.split(' ', 1)[0] !== other.split(' ', 1)[0]
    )
      return [];
    return [[replaceRange(wgsl, first, other), replaceRange(wgsl, second, one)]];
  },
  'component changed': (wgsl, i) => (wgsl.at(i - 1) === '.' ? replaceToken(wgsl, i, COMPONENTS[wgsl.at(i)]) : []),
  'index ± 1': (wgsl, i) => {
    if (wgsl.at(i) !== '[') return [];
    const index = { start: i + 1, end: wgsl.closing(i) };
    return [' + 1', ' - 1'].map((step) => [replaceRange(wgsl, index, `(${wgsl.textOf(index)})${step}`)]);
  },
  'negation dropped': (wgsl, i) =>
    ['-', '~', '!'].includes(wgsl.at(i)) && !wgsl.isBinary(i) ? replaceToken(wgsl, i, '') : [],
  'function exchanged': (wgsl, i) => (wgsl.at(i + 1) === '(' ? replaceToken(wgsl, i, TWINS[wgsl.at(i)]) : []),
  'fma cut': (wgsl, i) => {
    const [x, y, sum] = callOf(wgsl, i, 'fma');
    if (!x || !y || !sum) return [];
    const product = `((${wgsl.textOf(x)}) * (${wgsl.textOf(y)}))`;
    return [product, `(${wgsl.textOf(sum)})`].map((text) => [replaceRange(wgsl, call(wgsl, i), text)]);
  },
  'sum replaced by its last term': (wgsl, i) =>
    wgsl.at(i) === '+=' && !wgsl.tokens[i]!.nested ? replaceToken(wgsl, i, '=') : [],
  'statement removed': (wgsl, i) => {
    if (!wgsl.beginsStatement(i) || !/^\w+$/.test(wgsl.at(i)) || KEYWORDS.has(wgsl.at(i))) return [];
    return [[replaceRange(wgsl, { start: i, end: wgsl.statementEnd(i) + 1 }, '')]];
  },
};

const KEYWORDS = new Set(
  'let var const return if else for while loop break continue fn struct workgroupBarrier storageBarrier'.split(' '),
);

/** Tells whether a loop's body adds a value from outside that is the same in every turn. */
function accumulates(body: string, counter: string): boolean {
  const wordsOf = (text: string) => text.match(/\w+/g) ?? [];
  // Names that the body declares, and those of them that depend on the counter.
  const local = new Set<string>();
  const changing = new Set([counter]);
  for (const [, name = '', value = ''] of body.matchAll(/\b(?:let|var) (\w+) = ([^;]+);/g)) {
    local.add(name);
    if (wordsOf(value).some((word) => changing.has(word))) changing.add(name);
  }
  return [...body.matchAll(/(?<![\w.])([\w.]+(?:\[[^;=]*\])?) ([-+^|]?=) ([^;]+);/g)].some(
    ([, target = '', assignment, value = '']) => {
      const [base = '', ...indices] = wordsOf(target);
      const isKept = !local.has(base) && !indices.some((word) => changing.has(word));
      return isKept && (assignment !== '=' || value.includes(target));
    },
  );
}
