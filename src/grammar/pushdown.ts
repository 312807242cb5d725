// A grammar as an automaton with stacks, whose deterministic states are made as texts reach them: nothing is compiled, and a repetition is
// counted rather than written out. xgrammar takes seconds where a grammar has many states or counts far.
import { AutomatonBuilder, type Edge } from './automaton.ts';
import { GrammarFailedError } from './errors.ts';
import { type Expression, type Grammar, isLongRepetition } from './expression.ts';
import type { ByteRange } from './utf8.ts';

/** Frames that are followed for one mask, at most: a second's work. Alternatives that read the same have frames of their own. */
const MAX_FRAMES = 2_000_000;
/** Words of memory of what is remembered, at most: 64 MiB. */
const MAX_HELD = 2 ** 23;
/** Words of a frame. */
const FRAME_WORDS = 16;
const NUM_BYTES = 256;

/** A place in a grammar, and those that are returned to after it: a stack, which others share. */
interface Frame {
  readonly number: number;
  /** State of the automaton; −1 below all others. */
  readonly state: number;
  /** Parts of the repetition that the state stands for, so far. */
  readonly count: number;
  readonly parent: Frame | null;
  /** Frames above this one, by state and count; null while there are none, as above most. */
  above: Map<number, Frame> | null;
}

/** All places that a text may have come to. */
export interface Situation {
  /** Frames from which a byte is read. */
  readonly frames: readonly Frame[];
  /** The text may end. */
  readonly isEnd: boolean;
  /** Byte → situation after it, null where no text has it, undefined where no one has asked. */
  readonly next: (Situation | null | undefined)[];
  /** Mask of the tokens that may follow, once it was made. */
  mask: Int32Array | null;
}

/** A repetition that is counted. */
interface Repetition {
  readonly start: number;
  readonly least: number;
  readonly most: number;
}

/** Automaton of a grammar. */
export class Pushdown {
  readonly #edges: readonly (readonly Edge[])[];
  /** Name of a rule → its first state. */
  readonly #starts = new Map<string, number>();
  /** State at which a repetition is counted → it. */
  readonly #counters = new Map<number, Repetition>();
  /** Name of a repetition → state at which it is counted. */
  readonly #counterOf = new Map<string, number>();
  /** Last states of rules and of parts of repetitions. */
  readonly #ends = new Set<number>();
  readonly #bottom: Frame = { number: 0, state: -1, count: 0, parent: null, above: null };
  readonly #situations = new Map<string, Situation>();
  /** Situation before a text. */
  readonly start: Situation;
  readonly #maxHeld: number;
  #numFrames = 1;
  #numFollowed = 0;
  #numHeld = 0;

  /** @param maxHeld Words of memory of what is remembered. */
  constructor({ rules, root }: Grammar, maxHeld: number = MAX_HELD) {
    this.#maxHeld = maxHeld;
    const waiting: (readonly [name: string, expression: Extract<Expression, { kind: 'repeat' }>])[] = [];
    const known = new Map<Expression, string>();
    const nameOf = (expression: Expression): string | null => {
      if (!isLongRepetition(expression)) return null;
      const name = known.get(expression) ?? `repetition ${known.size}`;
      if (!known.has(expression)) waiting.push([name, expression]);
      known.set(expression, name);
      return name;
    };
    const builder = new AutomatonBuilder({ nameOf });
    const build = (expression: Expression): number => {
      const start = builder.state();
      this.#ends.add(builder.build(expression, start));
      return start;
    };
    for (const [name, expression] of rules) this.#starts.set(name, build(expression));
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [name, { part, least, most }] = next;
      const counter = builder.state();
      this.#counterOf.set(name, counter);
      this.#counters.set(counter, { start: build(part), least, most });
    }
    this.#edges = builder.edges.map((edges) => edges.map(({ on, to }) => ({ on, to: afterEmpty(builder.edges, to) })));
    const first = this.#situation([this.#frame(this.#starts.get(root) ?? 0, 0, this.#bottom)]);
    if (first === null) throw new Error(`no text has the rule ${root}`);
    this.start = first;
  }

  /** Words of memory of what is remembered. */
  get numHeld(): number {
    return this.#numHeld;
  }

  /** Forgets what was made so far; texts that are under way go on with what they have. */
  forget(): void {
    this.#numHeld = 0;
    this.#situations.clear();
    // None before the first situation is there.
    const start: Situation | undefined = this.start;
    start?.next.fill(undefined);
    for (const frame of [this.#bottom, ...(start?.frames ?? [])])
      for (let at: Frame | null = frame; at !== null; at = at.parent) at.above = null;
  }

  /** Begins the count of what is followed. */
  begin(): void {
    this.#numFollowed = 0;
  }

  /** Gives the situation after a byte; null where no text has it there. @throws GrammarFailedError for too many alternatives. */
  step(from: Situation, byte: number): Situation | null {
    const known = from.next[byte];
    if (known !== undefined) return known;
    const reached: Frame[] = [];
    for (const { state, parent } of from.frames)
      for (const { on, to } of this.#edges[state] ?? [])
        if (isRange(on) && on[0] <= byte && byte <= on[1] && parent !== null) reached.push(this.#frame(to, 0, parent));
    const next = this.#situation(reached);
    from.next[byte] = next;
    return next;
  }

  /** Follows steps that read nothing, and gives the situation; null where nothing goes on. */
  #situation(reached: readonly Frame[]): Situation | null {
    const seen = new Set(reached);
    let isEnd = false;
    const frames: Frame[] = [];
    for (const frame of seen) {
      if (++this.#numFollowed > MAX_FRAMES) throw new GrammarFailedError('it reads a text in too many ways at a time');
      if (frame === this.#bottom) isEnd = true;
      else if (this.#follow(frame, seen)) frames.push(frame);
    }
    if (frames.length === 0 && !isEnd) return null;
    const key = `${frames.map(({ number }) => number).sort((a, b) => a - b)}${isEnd ? '.' : ''}`;
    const known = this.#situations.get(key);
    if (known !== undefined) return known;
    this.#numHeld += frames.length + NUM_BYTES;
    if (this.#numHeld > this.#maxHeld) this.forget();
    const situation = { frames, isEnd, next: new Array<undefined>(NUM_BYTES), mask: null };
    this.#situations.set(key, situation);
    return situation;
  }

  /** Adds the frames that are reached from one without reading; tells whether it reads a byte. */
  #follow({ state, count, parent }: Frame, seen: Set<Frame>): boolean {
    if (parent === null) return false;
    const counter = this.#counters.get(state);
    if (counter !== undefined) {
      const { start, least, most } = counter;
      if (count >= least) seen.add(parent);
      // Beyond the least number of an endless repetition nothing is counted.
      const next = most === Number.POSITIVE_INFINITY ? Math.min(count + 1, least) : count + 1;
      if (count < most) seen.add(this.#frame(start, 0, this.#frame(state, next, parent)));
      return false;
    }
    let isReading = false;
    for (const { on, to } of this.#edges[state] ?? []) {
      if (isRange(on)) isReading = true;
      else if (on === null) seen.add(this.#frame(to, 0, parent));
      else {
        const after = this.#isLast(to) ? parent : this.#frame(to, 0, parent);
        const repetition = this.#counterOf.get(on);
        seen.add(this.#frame(repetition ?? this.#starts.get(on) ?? 0, 0, after));
      }
    }
    if (this.#ends.has(state)) seen.add(parent);
    return isReading;
  }

  /** Tells whether a rule is over at a state, so that no stack grows where one rule ends with another. */
  #isLast(state: number): boolean {
    return this.#ends.has(state) && this.#edges[state]?.length === 0;
  }

  #frame(state: number, count: number, parent: Frame): Frame {
    const key = state + count * this.#edges.length;
    parent.above ??= new Map();
    const known = parent.above.get(key);
    if (known !== undefined) return known;
    const frame: Frame = { number: this.#numFrames++, state, count, parent, above: null };
    parent.above.set(key, frame);
    this.#numHeld += FRAME_WORDS;
    return frame;
  }
}

/** Gives the first state from a state on that has another way than a step that reads nothing. */
function afterEmpty(edges: readonly (readonly Edge[])[], state: number): number {
  let at = state;
  for (let out = edges[at]; out?.length === 1 && out[0]?.on === null; out = edges[at]) at = out[0].to;
  return at;
}

function isRange(on: Edge['on']): on is ByteRange {
  return on !== null && typeof on !== 'string';
}
