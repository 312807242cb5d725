// Structured outputs become constraints of requests here. xgrammar runs in a thread of its own; when it fails, overruns or takes too
// much memory, what it was doing is given up, and a new thread takes over all other requests from their ids.
import type { Constraint } from '../core/constraint.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type Checks, checkOptions, checkValue, count, numberIn, tokenId } from '../util/option-checks.ts';
import { Turns } from '../util/turns.ts';
import {
  errorOfRefusal,
  GrammarClosedError,
  GrammarFailedError,
  type Refusal,
  StructuredOutputError,
} from './errors.ts';
import { writeGrammar } from './expression.ts';
import { GrammarMatcher } from './grammar-matcher.ts';
import { type FailedWork, GrammarThread, MAX_BYTES } from './grammar-thread.ts';
import { lateConstraint } from './late-constraint.ts';
import { checkedCopy, grammarOf, type StructuredOutput } from './structured-output.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';
import type { FromThread, Work } from './worker-messages.ts';

/** Parts of a model that a compiler of grammars needs. */
export interface GrammarCompilerOptions {
  readonly tokenizer: Tokenizer;
  /** Number of ids of the model, V. */
  readonly vocabSize: number;
  /** Tokens that end a text; by default those of the tokenizer. */
  readonly eosIds?: readonly number[] | undefined;
  /** Longest compilation, in milliseconds (default 1,000). */
  readonly maxCompileMs?: number | undefined;
}

/** Counts of the things that a compiler holds. */
export interface GrammarStats {
  /** Requests that are under way. */
  readonly matchers: number;
  /** Compiled grammars that are kept. */
  readonly grammars: number;
  readonly threads: number;
}

/** A grammar by its text. */
interface KeptGrammar {
  readonly number: number;
  readonly text: string;
  /** Settled when a thread has compiled it; null where the present one was not asked to. */
  compiled: PromiseWithResolvers<void> | null;
  isCompiled: boolean;
}

/** An output whose grammar is not known yet. */
interface Reading {
  readonly work: Extract<Work, { kind: 'read' }>;
  readonly text: PromiseWithResolvers<ReadOutput>;
}

/** Text of an output's grammar, and the milliseconds that reading it took. */
interface ReadOutput {
  readonly text: string;
  readonly readMs: number;
}

/** Grammars that are kept, and UTF-16 units of their texts, at most. */
const [MAX_KEPT, MAX_KEPT_LENGTH] = [64, 4_000_000];
const COMPILE_MS = 1000;
/** Longest mask, in milliseconds: long bounded strings take tens, many times as much on a busy machine. */
const MASK_MS = 10_000;
/** Bytes of a thread beyond which a new one compiles the next grammar: memory is never given back. */
const FULL_BYTES = MAX_BYTES / 2;

/** Longest time of a timer, in milliseconds. */
const MAX_MS = 2 ** 31 - 1;

const OPTIONS: Checks<GrammarCompilerOptions> = {
  tokenizer: {
    expected: 'a tokenizer',
    accepts: (value) => typeof Reflect.get(Object(value), 'tokenBytes') === 'function',
  },
  vocabSize: count,
  eosIds: { expected: 'a list of ids', accepts: Array.isArray },
  maxCompileMs: numberIn(1, MAX_MS),
};

/** Compiler of structured outputs for one model. Close it, or declare it with `await using`, to end its thread. */
export class GrammarCompiler implements AsyncDisposable {
  readonly #tokenizer: Tokenizer;
  readonly #vocabSize: number;
  readonly #eosIds: readonly number[];
  readonly #maxCompileMs: number;
  readonly #grammars = new Map<string, KeptGrammar>();
  readonly #matchers = new Map<number, GrammarMatcher<KeptGrammar>>();
  readonly #readings = new Map<number, Reading>();
  #vocabulary: Promise<Vocabulary> | null = null;
  #thread: GrammarThread | null = null;
  #numBytes = 0;
  #numMade = 0;
  readonly #ended: Promise<unknown>[] = [];
  #isClosed = false;

  /**
   * @throws RangeValueError for an unknown option, one that is missing, of another type or out of range.
   * @throws StructuredOutputError for a model whose ids have no text, or whose text has no end.
   */
  constructor(options: GrammarCompilerOptions) {
    checkOptions('options of GrammarCompiler', options, OPTIONS);
    const { tokenizer, vocabSize, maxCompileMs = COMPILE_MS } = options;
    checkValue('tokenizer', tokenizer, OPTIONS.tokenizer);
    checkValue('vocabSize', vocabSize, OPTIONS.vocabSize);
    const isToken = tokenId(vocabSize);
    const { eosIds = tokenizer.eosIds.filter(isToken.accepts) } = options;
    for (const [index, id] of eosIds.entries()) checkValue(`eosIds[${index}]`, id, isToken);
    if (tokenizer.missingFile !== null)
      throw new StructuredOutputError(`structured output needs text: the model has no ${tokenizer.missingFile}`);
    if (eosIds.length === 0) throw new StructuredOutputError('structured output needs a token that ends a text');
    this.#tokenizer = tokenizer;
    this.#vocabSize = vocabSize;
    this.#eosIds = eosIds;
    this.#maxCompileMs = maxCompileMs;
  }

  /** Counts of the things that are held at the moment. */
  get stats(): GrammarStats {
    const threads = this.#thread === null ? 0 : 1;
    return { matchers: this.#matchers.size, grammars: this.#grammars.size, threads };
  }

  /**
   * Reads and compiles a structured output in the thread; the result serves any number of requests.
   *
   * @throws as rejections: RangeValueError for anything but an object with one of the keys of a structured output; UnsupportedSchemaError,
   * GrammarSyntaxError, GrammarRuleError or GrammarLimitError for what cannot be kept; GrammarFailedError for a compilation of more than a
   * second or 256 MiB; GrammarClosedError after `close`.
   */
  async compile(output: StructuredOutput): Promise<Constraint<unknown>> {
    return await this.#compile(output, checkedCopy(output));
  }

  /** @param copy What a thread reads; null where it takes none, for some value is none of JSON's, or stands too deep. */
  async #compile(output: StructuredOutput, copy: StructuredOutput | null): Promise<Constraint<unknown>> {
    this.#checkIsOpen();
    // Without a copy the refusal comes at once.
    const { text, readMs } = await (copy === null ? { text: textOf(output), readMs: 0 } : this.#read(copy));
    this.#checkIsOpen();
    await this.#compiled(this.#keep(text), readMs);
    return this.#constraintOf(text);
  }

  /**
   * Makes the constraint of a structured output at once: requests may start with it, and wait while the thread reads and compiles what is
   * asked for. Where it cannot be kept they end with `error`; `compile` tells before anything runs.
   *
   * @throws RangeValueError for anything but an object with one of the keys of a structured output; GrammarClosedError after `close`.
   */
  constraint(output: StructuredOutput): Constraint<unknown> {
    this.#checkIsOpen();
    return lateConstraint(this.#compile(output, checkedCopy(output)));
  }

  #checkIsOpen(): void {
    if (this.#isClosed) throw new GrammarClosedError();
  }

  #constraintOf(text: string): Constraint<GrammarMatcher<KeptGrammar>> {
    return {
      start: () => this.#start(text),
      allowed: (matcher) => matcher.allowed(),
      accept: (matcher, id) => {
        matcher.add(id);
        const { number, ids } = matcher;
        if (!matcher.hasFailed) this.#post({ kind: 'accept', matcher: number, id, numIds: ids.length }, MASK_MS);
        return matcher;
      },
      end: ({ number }) => {
        if (this.#matchers.delete(number) && this.#thread !== null)
          this.#post({ kind: 'end', matcher: number }, MASK_MS);
      },
    };
  }

  /** Ends the thread; requests that are under way end with `error`. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#dropThread();
    const error = new GrammarClosedError();
    for (const matcher of this.#matchers.values()) matcher.fail(error);
    for (const { compiled } of this.#grammars.values()) compiled?.reject(error);
    for (const { text } of this.#readings.values()) text.reject(error);
    this.#readings.clear();
    this.#matchers.clear();
    this.#grammars.clear();
    await Promise.all(this.#ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Has an output read: a large one takes seconds. */
  #read(output: StructuredOutput): Promise<ReadOutput> {
    const text = Promise.withResolvers<ReadOutput>();
    const reading = ++this.#numMade;
    const work = { kind: 'read', reading, output } as const;
    this.#readings.set(reading, { work, text });
    this.#post(work, this.#maxCompileMs);
    return text.promise;
  }

  #endReading(reading: number, end: (text: PromiseWithResolvers<ReadOutput>) => void): void {
    const found = this.#readings.get(reading);
    this.#readings.delete(reading);
    if (found !== undefined) end(found.text);
  }

  #start(text: string): GrammarMatcher<KeptGrammar> {
    this.#checkIsOpen();
    const grammar = this.#keep(text);
    const matcher = new GrammarMatcher(++this.#numMade, grammar, this.#vocabSize);
    this.#compiled(grammar).catch(() => {}); // its failure is the matcher's
    this.#matchers.set(matcher.number, matcher);
    this.#postStart(matcher);
    return matcher;
  }

  #postStart({ number, grammar, ids, shared }: GrammarMatcher<KeptGrammar>): void {
    this.#post({ kind: 'start', matcher: number, grammar: grammar.number, ids: [...ids], mask: shared }, MASK_MS);
  }

  /** Finds or adds a grammar, as the one that was used last. */
  #keep(text: string): KeptGrammar {
    const grammar = this.#grammars.get(text) ?? { number: ++this.#numMade, text, compiled: null, isCompiled: false };
    this.#grammars.delete(text);
    this.#grammars.set(text, grammar);
    const used = new Set(this.#matchers.values().map((matcher) => matcher.grammar));
    let length = this.#grammars.keys().reduce((sum, each) => sum + each.length, 0);
    for (const each of this.#grammars.values()) {
      if (this.#grammars.size <= MAX_KEPT && length <= MAX_KEPT_LENGTH) break;
      if (each === grammar || used.has(each)) continue;
      this.#grammars.delete(each.text);
      length -= each.text.length;
      if (each.compiled !== null) this.#post({ kind: 'drop', grammar: each.number }, MASK_MS);
    }
    return grammar;
  }

  /** Has a grammar compiled unless it is, in the time that reading it left. */
  #compiled(grammar: KeptGrammar, readMs = 0): Promise<void> {
    if (grammar.compiled !== null) return grammar.compiled.promise;
    if (this.#numBytes > FULL_BYTES) this.#replaceThread();
    grammar.compiled = Promise.withResolvers();
    this.#postCompile(grammar, readMs);
    return grammar.compiled.promise;
  }

  #post(work: Work, limitMs: number): void {
    this.#vocabulary ??= new Turns().run(readVocabulary(this.#tokenizer, this.#vocabSize, this.#eosIds));
    this.#thread ??= new GrammarThread(this.#vocabulary, {
      done: (done, reply) => this.#done(done, reply),
      failed: (failed, problem) => this.#failed(failed, problem),
    });
    this.#thread.post(work, limitMs);
  }

  #done(work: Work, { numBytes, refusedId, text = '', readMs = 0, refusal }: FromThread): void {
    this.#numBytes = numBytes;
    if (work.kind === 'read') {
      this.#endReading(work.reading, ({ resolve, reject }) => {
        if (refusal === undefined) resolve({ text, readMs });
        else reject(errorOfRefusal(refusal));
      });
    }
    if (work.kind === 'compile') this.#endCompilation(work.grammar, refusal);
    if (work.kind !== 'start' && work.kind !== 'accept') return;
    const matcher = this.#matchers.get(work.matcher);
    const numIds = work.kind === 'start' ? work.ids.length : work.numIds;
    if (refusal !== undefined) matcher?.fail(errorOfRefusal(refusal));
    else if (refusedId !== undefined) matcher?.refuse(refusedId);
    else if (matcher?.ids.length === numIds) matcher.ready();
  }

  #endCompilation(number: number, refusal: Refusal | undefined): void {
    const grammar = this.#grammars.values().find((each) => each.number === number);
    if (grammar === undefined) return;
    if (refusal !== undefined) {
      this.#giveUp(grammar, errorOfRefusal(refusal));
      return;
    }
    grammar.isCompiled = true;
    grammar.compiled?.resolve();
  }

  /** Gives up what a thread has ended over, and lets a new one take over the rest. */
  #failed(work: FailedWork, problem: string): void {
    const error = new GrammarFailedError(`the grammar was given up: ${problem}`);
    const isStart = work === 'start';
    for (const grammar of [...this.#grammars.values()]) {
      if (!isStart && !(work !== 'nothing' && work.kind === 'compile' && work.grammar === grammar.number)) continue;
      this.#giveUp(grammar, error);
    }
    for (const matcher of this.#matchers.values())
      if (work !== 'start' && work !== 'nothing' && 'matcher' in work && work.matcher === matcher.number)
        matcher.fail(error);
    for (const reading of [...this.#readings.keys()]) {
      if (isStart || (work !== 'nothing' && work.kind === 'read' && work.reading === reading))
        this.#endReading(reading, ({ reject }) => reject(error));
    }
    if (isStart) this.#dropThread();
    else this.#replaceThread();
  }

  #giveUp(grammar: KeptGrammar, error: Error): void {
    grammar.compiled?.reject(error);
    this.#grammars.delete(grammar.text);
    for (const matcher of this.#matchers.values()) if (matcher.grammar === grammar) matcher.fail(error);
  }

  #dropThread(): void {
    if (this.#thread !== null) this.#ended.push(this.#thread.close());
    this.#thread = null;
    this.#numBytes = 0;
  }

  /** Lets a new thread take over what is under way. */
  #replaceThread(): void {
    this.#dropThread();
    const live = [...this.#matchers.values()].filter((matcher) => !matcher.hasFailed);
    const used = new Set(live.map(({ grammar }) => grammar));
    for (const grammar of this.#grammars.values()) {
      const isAwaited = grammar.compiled !== null && !grammar.isCompiled;
      grammar.isCompiled = false;
      if (isAwaited || used.has(grammar)) this.#postCompile(grammar);
      else grammar.compiled = null;
    }
    for (const matcher of live) this.#postStart(matcher);
    for (const { work } of this.#readings.values()) this.#post(work, this.#maxCompileMs);
  }

  #postCompile({ number, text }: KeptGrammar, readMs = 0): void {
    this.#post({ kind: 'compile', grammar: number, text }, Math.max(Math.ceil(this.#maxCompileMs - readMs), 1));
  }
}

function textOf(output: StructuredOutput): string {
  return writeGrammar(grammarOf(output));
}
