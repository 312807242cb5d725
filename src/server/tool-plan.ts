// What a call with tools needs besides its prompt: the way in which the model writes calls, and the constraint that holds it to that.
import type { Constraint } from '../core/constraint.ts';
import type { CallSyntax, ToolCallForm } from '../grammar/tool-calls.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { afterToken } from '../tools/after-token.ts';
import { findCallFormat, knowsTools, withTemplateIds } from '../tools/call-formats.ts';
import type { CallReading } from '../tools/call-reader.ts';
import { quote } from '../util/quote.ts';
import { ApiError, invalidParameter } from './api-error.ts';
import type { WantedOutput } from './parameters/structured.ts';
import type { WantedTools } from './parameters/tools.ts';
import type { Ground } from './serving.ts';

/** Tools of a call, ready to be called. */
export interface ToolPlan {
  readonly constraint: Constraint;
  readonly reading: CallReading;
}

/** Parameters that do not go with tools, and their values. */
type Others = Readonly<Record<string, unknown>>;

/**
 * Plans the calls of tools of an answer.
 *
 * @param output form of the text that the call asks for, which tools don't go with.
 * @throws ApiError for a model that knows no tools, a schema that can't be kept, and parameters that tools don't go with.
 */
export async function planTools(
  ground: Pick<Ground, 'chat' | 'model' | 'grammars'>,
  { tools, choice, isParallel, path }: WantedTools,
  { output, others }: { readonly output: WantedOutput | null; readonly others: Others },
): Promise<ToolPlan> {
  checkAlone(output, others);
  const { syntax } = formatFor(ground, `tools is a list of ${tools.length}`, 'tools');
  const { tokenizer, runner } = ground.model;
  const openingId = specialId(tokenizer, syntax.opening);
  const isRequired = choice !== 'auto';
  const form: ToolCallForm = {
    syntax: openingId === null ? syntax : { ...syntax, opening: '' },
    tools: typeof choice === 'object' ? tools.filter(({ name }) => name === choice.name) : tools,
    isRequired: isRequired || openingId !== null,
    isParallel: isParallel && typeof choice !== 'object',
  };
  const wanted = { param: 'tools', output: { toolCalls: withoutDescriptions(form) } };
  const constraint = await ground.grammars.compileTools(wanted, path);
  if (openingId === null) return { constraint, reading: { syntax, openingId } };
  const { vocabSize } = runner.limits;
  const isBarred = (id: number) => tokenizer.isSpecial(id) && !ground.grammars.eosIds.includes(id);
  const marked = afterToken(constraint, { id: openingId, isRequired, vocabSize, isBarred });
  return { constraint: marked, reading: { syntax, openingId } };
}

/**
 * Makes the messages of a chat ready for the template: its calls and their results have ids that it takes.
 *
 * @param nameOf writes the place of a message among the parameters.
 * @throws ApiError for a result of no call before it, and for a model that knows no tools.
 */
export function checkedMessages(
  ground: Pick<Ground, 'chat' | 'model'>,
  messages: readonly ChatMessage[],
  nameOf: (index: number) => string,
): readonly ChatMessage[] {
  const ids = new Set<string>();
  let first = -1;
  for (const [index, { toolCalls = [], toolCallId }] of messages.entries()) {
    for (const { id } of toolCalls) ids.add(id);
    if (toolCalls.length > 0 && first < 0) first = index;
    if (toolCallId === undefined || ids.has(toolCallId)) continue;
    const place = nameOf(index);
    throw invalidParameter(place, `${place} is of ${quote(toolCallId)}, expected the id of a call before it`);
  }
  if (first < 0) return messages;
  return withTemplateIds(messages, formatFor(ground, `${nameOf(first)} has calls of tools`, nameOf(first)));
}

/** Finds the way in which the model writes calls. @throws ApiError where there is none that is known. */
function formatFor({ chat, model }: Pick<Ground, 'chat' | 'model'>, found: string, param: string) {
  const { source } = chat.template;
  const format = findCallFormat(source);
  if (format !== null) return format;
  const reason =
    source === undefined
      ? 'has no chat template; a server can be given one'
      : knowsTools(source)
        ? 'has a chat template that writes calls in a way that is not known here'
        : 'has a chat template that knows no tools; a server can be given another';
  const message = `${found}, expected none, as the model ${JSON.stringify(model.name)} ${reason}`;
  throw new ApiError(400, message, { code: 'unsupported_tools', param });
}

/** Finds the id of a text that is a control token; null for a text. */
function specialId(tokenizer: Tokenizer, text: CallSyntax['opening']): number | null {
  if (!tokenizer.specialTokens.includes(text)) return null;
  return tokenizer.encode(text).find((id) => tokenizer.isSpecial(id)) ?? null;
}

function checkAlone(output: WantedOutput | null, others: Others): void {
  const [name] = Object.entries(others).find(([, value]) => value !== undefined && value !== false) ?? [output?.param];
  if (name === undefined) return;
  throw invalidParameter(name, `${name} is given beside tools, expected one of them`);
}

/** Leaves what changes nothing in the grammar out of the form, by which it is found again. */
function withoutDescriptions(form: ToolCallForm): ToolCallForm {
  return { ...form, tools: form.tools.map(({ name, parameters }) => ({ name, parameters })) };
}
