// A rule's expression as a deterministic automaton over bytes and the names of other rules. xgrammar joins states of an ambiguous
// rule that are not the same, and then reads texts that no alternative has; of a deterministic one it has nothing to join.
import { type CharacterSet, intersectSets, sizeOfSet } from './character-set.ts';
import { GrammarLimitError } from './errors.ts';
import type { Expression } from './expression.ts';
import { BEYOND_ASCII, type ByteRange, byteSequences } from './utf8.ts';

/** Input of a step: bytes, or the text of a rule. */
export type Label = { readonly bytes: readonly ByteRange[] } | { readonly rule: string };

/** A state: how it goes on, and whether a text may end there. */
export interface State {
  readonly isEnd: boolean;
  readonly steps: readonly { readonly label: Label; readonly next: number }[];
}

/** Name of the rule that reads any character beyond ASCII: compiling its bytes in every place would take ten times as long. */
export const UNICODE = 'unicode';

/** States of a rule's automaton, at most. */
const MAX_STATES = 2000;
const ASCII: CharacterSet = [[0, 0x7f]];

/** A step of an automaton in which several may read the same. */
export interface Edge {
  /** Bytes, or the name of a rule; null is a step that reads nothing. */
  readonly on: ByteRange | string | null;
  readonly to: number;
}

/**
 * Makes the automaton of an expression; its first state is the start.
 *
 * @throws GrammarLimitError for one of too many states.
 */
export function automatonOf(expression: Expression): State[] {
  const builder = new AutomatonBuilder({ unicode: UNICODE });
  const start = builder.state();
  const end = builder.build(expression, start);
  return determinize(builder.edges, start, end);
}

/** How expressions become steps. */
interface Building {
  /** Name of a rule that reads any character beyond ASCII; by default its bytes are written out. */
  readonly unicode?: string;
  /** Gives the name of what reads an expression, or null where its steps are to be written out. */
  readonly nameOf?: (expression: Expression) => string | null;
}

/** Builder of an automaton in which several steps may read the same. */
export class AutomatonBuilder {
  /** Steps from each state. */
  readonly edges: Edge[][] = [];
  readonly #unicode: string | null;
  readonly #nameOf: (expression: Expression) => string | null;

  constructor({ unicode, nameOf = () => null }: Building) {
    this.#unicode = unicode ?? null;
    this.#nameOf = nameOf;
  }

  state(): number {
    return this.edges.push([]) - 1;
  }

  /** Adds an expression's steps after a state and gives the state after them. */
  build(expression: Expression, from: number): number {
    const name = this.#nameOf(expression);
    if (name !== null) return this.#step(from, name);
    switch (expression.kind) {
      case 'text':
        return new TextEncoder().encode(expression.text).reduce((at, byte) => this.#step(at, [byte, byte]), from);
      case 'character':
        return this.#character(expression.set, from);
      case 'rule':
        return this.#step(from, expression.name);
      case 'sequence':
        return expression.parts.reduce((at, part) => this.build(part, at), from);
      case 'choice': {
        const end = this.state();
        const texts = expression.options.filter((option) => option.kind === 'text');
        this.#texts(texts, this.#step(from, null), end);
        for (const option of expression.options)
          if (option.kind !== 'text') this.#join(this.build(option, this.#step(from, null)), end);
        return end;
      }
      case 'repeat':
        return this.#repeat(expression, from);
    }
  }

  /** Adds texts as a tree: those that begin alike share their first states. */
  #texts(texts: readonly { readonly text: string }[], from: number, end: number): void {
    const steps = new Map<number, Map<number, number>>();
    for (const { text } of texts) {
      let at = from;
      for (const byte of new TextEncoder().encode(text)) {
        const known = steps.get(at) ?? new Map<number, number>();
        const next = known.get(byte) ?? this.#step(at, [byte, byte]);
        steps.set(at, known.set(byte, next));
        at = next;
      }
      this.#join(at, end);
    }
  }

  #repeat({ part, least, most }: Extract<Expression, { kind: 'repeat' }>, from: number): number {
    let at = from;
    for (let count = 0; count < least; count++) at = this.build(part, at);
    if (most === Number.POSITIVE_INFINITY) {
      const loop = this.#step(at, null);
      this.#join(this.build(part, loop), loop);
      return this.#step(loop, null);
    }
    const end = this.state();
    for (let count = least; count < most; count++) {
      this.#join(at, end);
      at = this.build(part, at);
    }
    this.#join(at, end);
    return end;
  }

  #character(set: CharacterSet, from: number): number {
    const end = this.state();
    for (const range of intersectSets(set, ASCII)) this.edges[from]?.push({ on: range, to: end });
    const isWhole = sizeOfSet(intersectSets(set, BEYOND_ASCII)) === sizeOfSet(BEYOND_ASCII);
    const isNamed = isWhole && this.#unicode !== null;
    if (isNamed) this.edges[from]?.push({ on: this.#unicode, to: end });
    for (const ranges of isNamed ? [] : byteSequences(set)) {
      const last = ranges.reduce((at, range) => this.#step(at, range), from);
      this.#join(last, end);
    }
    return end;
  }

  #step(from: number, on: Edge['on']): number {
    const to = this.state();
    this.edges[from]?.push({ on, to });
    return to;
  }

  #join(from: number, to: number): void {
    this.edges[from]?.push({ on: null, to });
  }
}

function determinize(edges: readonly (readonly Edge[])[], start: number, end: number): State[] {
  const numbers = new Map<string, number>();
  const sets: (readonly number[])[] = [];
  const numberOf = (reached: ReadonlySet<number>): number => {
    const set = closure(edges, reached);
    const key = set.join();
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (sets.length === MAX_STATES) throw new GrammarLimitError('states of a rule', sets.length + 1, MAX_STATES);
    numbers.set(key, sets.length);
    return sets.push(set) - 1;
  };
  numberOf(new Set([start]));
  const states: State[] = [];
  for (let index = 0; index < sets.length; index++) {
    const set = sets[index] ?? [];
    const out = set.flatMap((state) => edges[state] ?? []);
    states.push({ isEnd: set.includes(end), steps: [...byteSteps(out, numberOf), ...ruleSteps(out, numberOf)] });
  }
  return states;
}

type NumberOf = (reached: ReadonlySet<number>) => number;

function ruleSteps(out: readonly Edge[], numberOf: NumberOf): State['steps'] {
  const targets = new Map<string, Set<number>>();
  for (const { on, to } of out) if (typeof on === 'string') targets.set(on, (targets.get(on) ?? new Set()).add(to));
  return Array.from(targets, ([rule, reached]) => ({ label: { rule }, next: numberOf(reached) }));
}

/** Splits overlapping ranges and unites those that lead to one state. */
function byteSteps(out: readonly Edge[], numberOf: NumberOf): State['steps'] {
  const reached = new Map<number, Set<number>>();
  for (const { on, to } of out) {
    if (on === null || typeof on === 'string') continue;
    for (let byte = on[0]; byte <= on[1]; byte++) reached.set(byte, (reached.get(byte) ?? new Set()).add(to));
  }
  const numbers = new Map<string, number>();
  const ranges = new Map<number, [number, number][]>();
  for (const [byte, targets] of [...reached].sort(([a], [b]) => a - b)) {
    const key = [...targets].join();
    const next = numbers.get(key) ?? numberOf(targets);
    numbers.set(key, next);
    const list = ranges.get(next) ?? [];
    ranges.set(next, list);
    const last = list.at(-1);
    if (last?.[1] === byte - 1) last[1] = byte;
    else list.push([byte, byte]);
  }
  return Array.from(ranges, ([next, bytes]) => ({ label: { bytes }, next }));
}

/** Adds the states that are reached without reading, in ascending order. */
function closure(edges: readonly (readonly Edge[])[], reached: ReadonlySet<number>): number[] {
  const all = new Set(reached);
  for (const state of all) for (const { on, to } of edges[state] ?? []) if (on === null) all.add(to);
  return [...all].sort((a, b) => a - b);
}
