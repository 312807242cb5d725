// The way from tools that may be called to the constraint of an answer, and to the reader of it.
import type { Constraint } from '../core/constraint.ts';
import { UnsupportedSchemaError } from '../grammar/errors.ts';
import type { StructuredOutput } from '../grammar/structured-output.ts';
import type { CallableTool, ToolCallForm } from '../grammar/tool-calls.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { afterOpening } from './after-opening.ts';
import type { CallFormat } from './call-formats.ts';
import type { CallReading } from './call-reader.ts';

/** Calls that an answer may have, or has to. */
export interface CallWish {
  readonly tools: readonly CallableTool[];
  /** As the model wants; at least one call; one call of the tool of a name. */
  readonly choice: 'auto' | 'required' | { readonly name: string };
  /** There may be several calls. */
  readonly isParallel: boolean;
}

/** Parts of a model that decide how its calls are held. */
export interface CallingModel {
  readonly tokenizer: Tokenizer;
  /** Number of ids of the model. */
  readonly vocabSize: number;
  readonly format: CallFormat;
}

/** Calls of an answer, ready to be made and read. */
export interface CallPlan {
  readonly constraint: Constraint;
  readonly reading: CallReading;
}

/**
 * Plans the calls of an answer.
 *
 * @param compile makes the constraint of a form.
 * @throws what `compile` throws; an UnsupportedSchemaError names the tool by its index among all.
 */
export async function planCalls(
  { tools, choice, isParallel }: CallWish,
  { tokenizer, vocabSize, format }: CallingModel,
  compile: (output: StructuredOutput) => Promise<Constraint>,
): Promise<CallPlan> {
  const { syntax, isAtStart } = format;
  const openingId = specialId(tokenizer, syntax.opening);
  const isRequired = choice !== 'auto';
  // The grammar has the opening where nothing comes before it, and it is text.
  const isWhole = isRequired && openingId === null;
  const named = typeof choice === 'object' ? tools.findIndex(({ name }) => name === choice.name) : null;
  const called = named === null ? tools : tools.slice(named, named + 1);
  const toolCalls: ToolCallForm = {
    syntax: isWhole ? syntax : { ...syntax, opening: '' },
    // A description changes nothing in the grammar, by which it is found again.
    tools: called.map(({ name, parameters }) => ({ name, parameters })),
    isParallel: isParallel && named === null,
  };
  const constraint = await compile({ toolCalls }).catch((error: unknown) => {
    throw named === null ? error : amongAll(error, named);
  });
  const reading = { syntax, isAtStart, openingId };
  if (isWhole) return { constraint, reading };
  const opening = { text: syntax.opening, id: openingId, isAtStart, isRequired };
  return { constraint: await afterOpening(constraint, opening, { tokenizer, vocabSize }), reading };
}

/** Gives the only tool of a form, in a refusal of it, the index that it has among all tools. */
function amongAll(error: unknown, index: number): unknown {
  if (!(error instanceof UnsupportedSchemaError)) return error;
  const { path, keyword, problem, limit } = error;
  return new UnsupportedSchemaError(path.replace(/^#\/0(?=\/)/, `#/${index}`), keyword, problem, limit, error);
}

/** Finds the id of a text that is a control token; null for a text. */
function specialId(tokenizer: Tokenizer, text: string): number | null {
  if (!tokenizer.specialTokens.includes(text)) return null;
  return tokenizer.encode(text).find((id) => tokenizer.isSpecial(id)) ?? null;
}
