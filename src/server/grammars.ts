// The structured outputs of a server's calls: one compiler for all of them, which the first one opens, and refusals that name the
// parameter and the place in it.
import type { Constraint } from '../core/constraint.ts';
import { uniteEosIds } from '../engine/eos-ids.ts';
import {
  GrammarClosedError,
  GrammarFailedError,
  StructuredOutputError,
  UnsupportedSchemaError,
} from '../grammar/errors.ts';
import { GrammarCompiler } from '../grammar/grammar-compiler.ts';
import type { StructuredOutput } from '../grammar/structured-output.ts';
import { ApiError, invalidParameter } from './api-error.ts';
import { shuttingDown } from './engine-errors.ts';
import type { WantedOutput } from './parameters/structured.ts';
import type { ServedModel } from './served-model.ts';
import type { ServerOptions } from './server-options.ts';

/** Most structured outputs that are compiled, or wait for it, at a time: each may take a second. */
const MAX_PENDING = 16;
/** Most characters of a structured output as JSON: the way of more of them to the thread would hold up others. */
const MAX_LENGTH = 2 ** 18;
/** Parameter of the tools of a call. */
const TOOLS = 'tools';

/** Bounds of compilations. */
export interface GrammarBounds extends Pick<ServerOptions, 'compileTimeout'> {
  /** Most that are under way, or wait, at a time; 16 where it is absent. */
  readonly maxPending?: number | undefined;
}

/** Structured outputs of calls. */
export class Grammars {
  readonly #model: Pick<ServedModel, 'runner' | 'tokenizer'>;
  readonly #maxCompileMs: number;
  readonly #maxPending: number;
  readonly #eosIds: readonly number[];
  #compiler: GrammarCompiler | null = null;
  #isClosed = false;
  /** By what was asked for: calls that ask for the same share one compilation. */
  readonly #pending = new Map<string, Promise<Constraint>>();

  constructor(
    model: Pick<ServedModel, 'runner' | 'tokenizer'>,
    { compileTimeout, maxPending = MAX_PENDING }: GrammarBounds,
  ) {
    this.#model = model;
    this.#maxCompileMs = compileTimeout * 1000;
    this.#maxPending = maxPending;
    this.#eosIds = uniteEosIds(model.runner, model.tokenizer);
  }

  /**
   * Compiles the structured output of a call, if it asks for one.
   *
   * @param resumed Ids that the call goes on after.
   * @throws ApiError for one that can't be kept, or that takes too long; where too many others are being compiled; for ids that it
   * does not allow.
   */
  async compile(wanted: WantedOutput | null, resumed: readonly number[] = []): Promise<Constraint | undefined> {
    if (wanted === null) return undefined;
    const { param } = wanted;
    const constraint = await this.#compile(wanted).catch((error: unknown) => {
      throw refusalOf(param, error);
    });
    if (resumed.length > 0) await this.#checkResumed(constraint, resumed);
    return constraint;
  }

  /**
   * Compiles the form of answers that call tools.
   *
   * @throws ApiError where too many others are being compiled; StructuredOutputError for one that can't be kept, of which
   * `refusalOfTools` makes the answer.
   */
  async compileTools(output: StructuredOutput): Promise<Constraint> {
    return await this.#compile({ param: TOOLS, output });
  }

  /** Ends what is being compiled, and the thread. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#compiler?.close();
  }

  async #compile({ param, output }: WantedOutput): Promise<Constraint> {
    if (this.#isClosed) throw new GrammarClosedError();
    const { runner, tokenizer } = this.#model;
    if (tokenizer.missingFile !== null) {
      const message = `${param} is about texts, expected none, as the model has no tokenizer`;
      throw new ApiError(400, message, { code: 'no_tokenizer', param });
    }
    this.#compiler ??= new GrammarCompiler({
      tokenizer,
      vocabSize: runner.limits.vocabSize,
      eosIds: this.#eosIds,
      maxCompileMs: this.#maxCompileMs,
    });
    const key = JSON.stringify(output);
    if (key.length > MAX_LENGTH) {
      throw invalidParameter(param, `${param} has ${key.length} characters as JSON, expected at most ${MAX_LENGTH}`);
    }
    const pending = this.#pending.get(key);
    if (pending !== undefined) return await pending;
    if (this.#pending.size >= this.#maxPending) throw tooManyPending(this.#maxPending);
    const compiled = this.#compiler.compile(output);
    this.#pending.set(key, compiled);
    try {
      return await compiled;
    } finally {
      this.#pending.delete(key);
    }
  }

  /** Refuses ids after which nothing is allowed. @throws ApiError */
  async #checkResumed(constraint: Constraint, ids: readonly number[]): Promise<void> {
    const { vocabSize } = this.#model.runner.limits;
    // The engine's own refusals name these.
    if (ids.some((id) => id >= vocabSize || this.#eosIds.includes(id))) return;
    let state = constraint.start();
    try {
      for (const id of ids) state = constraint.accept(state, id);
      await constraint.allowed(state);
    } catch (error) {
      if (!(error instanceof StructuredOutputError)) throw refusalOf('resume.ids', error);
      const message = `resume.ids is a list of ${ids.length} that the form of the text does not allow, expected those of the cut call`;
      throw invalidParameter('resume.ids', message);
    } finally {
      constraint.end?.(state);
    }
  }
}

/**
 * Makes the answer to a form of calls that can't be kept.
 *
 * @param path from a tool to the schema of its arguments.
 */
export function refusalOfTools(path: string, error: unknown): unknown {
  if (!(error instanceof UnsupportedSchemaError)) return refusalOf(TOOLS, error);
  const [, index, inner] = /^#\/(\d+)\/parameters(.*)$/s.exec(error.path) ?? [];
  if (index === undefined) return refusalOf(TOOLS, error);
  const { keyword, problem, limit } = error;
  const own = new UnsupportedSchemaError(`#${inner}`, keyword, problem, limit, error);
  return refusalOf(`${TOOLS}[${index}].${path}`, own);
}

function refusalOf(param: string, error: unknown): unknown {
  if (error instanceof GrammarClosedError) return shuttingDown();
  if (!(error instanceof StructuredOutputError)) return error;
  return new ApiError(400, `${param} can't be kept: ${error.message}`, { ...codeOf(error), param });
}

function codeOf(error: StructuredOutputError) {
  if (error instanceof UnsupportedSchemaError) return { code: 'unsupported_schema' };
  return error instanceof GrammarFailedError ? { code: 'grammar_failed' } : { code: 'invalid_grammar' };
}

function tooManyPending(most: number): ApiError {
  const message = `${most} structured outputs are being compiled, expected fewer; try again in 1 s`;
  return new ApiError(429, message, { code: 'queue_full', headers: { 'retry-after': '1' } });
}
