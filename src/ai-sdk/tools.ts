// Tools of a call of the AI SDK: which of them may be called, and how the model writes that.
import { type LanguageModelV4CallOptions, type SharedV4Warning, UnsupportedFunctionalityError } from '@ai-sdk/provider';
import type { Constraint } from '../core/constraint.ts';
import type { StructuredOutput } from '../grammar/structured-output.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { ChatTool } from '../tokenizer/chat-tools.ts';
import { type CallFormat, findCallFormat, withTemplateIds } from '../tools/call-formats.ts';
import { type CallPlan, type CallWish, planCalls } from '../tools/plan-calls.ts';
import type { OpenModel } from './model-source.ts';

/** Tools that an answer may call, or has to. */
export interface WantedTools extends CallWish {
  readonly tools: readonly (ChatTool & { readonly parameters: object })[];
}

/**
 * Finds the tools of a call; null for none.
 *
 * @param warnings receives one for each tool that the provider would run, and for a choice without tools.
 * @throws UnsupportedFunctionalityError for tools beside a form of the text.
 */
export function wantedTools(options: LanguageModelV4CallOptions, warnings: SharedV4Warning[]): WantedTools | null {
  const { tools: given = [], toolChoice: choice = { type: 'auto' }, responseFormat } = options;
  const tools = given.flatMap((tool) => {
    if (tool.type !== 'function') {
      warnings.push({ type: 'unsupported', feature: `tool ${tool.id} of a provider` });
      return [];
    }
    const { name, description, inputSchema } = tool;
    // A schema is an object, as its type has it, but for true and false.
    return [{ name, description, parameters: Object(inputSchema) }];
  });
  if (tools.length === 0 && choice.type !== 'auto' && choice.type !== 'none') {
    warnings.push({ type: 'unsupported', feature: 'toolChoice', details: 'there are no tools' });
  }
  if (tools.length === 0 || choice.type === 'none') return null;
  if (responseFormat?.type === 'json') {
    throw new UnsupportedFunctionalityError({ functionality: 'responseFormat of type json beside tools' });
  }
  return { tools, choice: choice.type === 'tool' ? { name: choice.toolName } : choice.type, isParallel: true };
}

/**
 * Makes messages ready for the template of a model, and plans the calls of the answer.
 *
 * @throws UnsupportedFunctionalityError for tools, or calls of them, where the template knows none.
 */
export async function prepareTools(
  { chat, tokenizer, limits }: OpenModel,
  { messages, tools }: { readonly messages: readonly ChatMessage[]; readonly tools: WantedTools | null },
  compile: (output: StructuredOutput) => Promise<Constraint>,
): Promise<{ readonly messages: readonly ChatMessage[]; readonly plan: CallPlan | null }> {
  const hasCalls = messages.some(({ toolCalls, toolCallId }) => toolCalls !== undefined || toolCallId !== undefined);
  if (tools === null && !hasCalls) return { messages, plan: null };
  const format = formatOf(chat.template.source);
  const plan =
    tools === null ? null : await planCalls(tools, { tokenizer, vocabSize: limits.vocabSize, format }, compile);
  return { messages: withTemplateIds(messages, format), plan };
}

function formatOf(source: string | undefined): CallFormat {
  const format = findCallFormat(source);
  if (format !== null) return format;
  const reason =
    source === undefined
      ? 'has no chat template'
      : 'has a chat template that knows no tools, or none of the known ways to call them';
  throw new UnsupportedFunctionalityError({
    functionality: 'tools',
    message: `tools are not supported: the model ${reason}`,
  });
}
