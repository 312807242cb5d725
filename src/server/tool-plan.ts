// Tools of a call, and what it tells of earlier ones, against the model's template: the plan of the answer, or a refusal with its place.
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import { findCallFormat, knowsTools, withTemplateIds } from '../tools/call-formats.ts';
import { type CallPlan, planCalls } from '../tools/plan-calls.ts';
import { quote } from '../util/quote.ts';
import { ApiError, invalidParameter } from './api-error.ts';
import { refusalOfTools } from './grammars.ts';
import type { WantedOutput } from './parameters/structured.ts';
import type { WantedTools } from './parameters/tools.ts';
import type { Ground } from './serving.ts';

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
  wanted: WantedTools,
  { output, others }: { readonly output: WantedOutput | null; readonly others: Others },
): Promise<CallPlan> {
  checkAlone(output, others);
  const format = formatFor(ground, `tools is a list of ${wanted.tools.length}`, 'tools');
  const { grammars, model } = ground;
  const { tokenizer, runner } = model;
  const { vocabSize } = runner.limits;
  const calling = { tokenizer, vocabSize, format };
  return await planCalls(wanted, calling, (form) => grammars.compileTools(form)).catch((error: unknown) => {
    throw refusalOfTools(wanted.path, error);
  });
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

function checkAlone(output: WantedOutput | null, others: Others): void {
  const [name] = Object.entries(others).find(([, value]) => value !== undefined && value !== false) ?? [output?.param];
  if (name === undefined) return;
  throw invalidParameter(name, `${name} is given beside tools, expected one of them`);
}
