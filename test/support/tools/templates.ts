// Small templates of this project that write tools and calls in each of the ways that are known, for models without weights.

const messages = (call: string, open: string, between: string, close: string) => `
{%- for message in messages -%}
  {{- message.role + (' ' + message.name + ' ' + message.tool_call_id if message.role == 'tool' else '') + ': ' + message.content -}}
  {%- if message.tool_calls -%}
    {{- '${open}' -}}
    {%- for call in message.tool_calls -%}
      {{- ${call} -}}
      {{- '' if loop.last else '${between}' -}}
    {%- endfor -%}
    {{- '${close}' -}}
  {%- endif -%}
  {{- '\\n' -}}
{%- endfor -%}
{{- 'assistant: ' -}}`;
const call = (key: string) =>
  `'{"name": "' + call.function.name + '", "${key}": ' + (call.function.arguments | tojson) + '}'`;
const tools = "{%- if tools -%}{{- 'tools: ' + (tools | tojson) + '\\n' -}}{%- endif -%}";

/** Name of a way to write calls → template. */
export const TOOL_TEMPLATES = {
  smollm2: `${tools}${messages(call('arguments'), '<tool_call>[', ', ', ']</tool_call>')}`,
  hermes: `${tools}${messages(call('arguments'), '<tool_call>\\n', '\\n</tool_call>\\n<tool_call>\\n', '\\n</tool_call>')}`,
  mistral: `${tools}${messages(call('arguments'), '[TOOL_CALLS] [', ', ', ']')}`,
  llama3: `{#- {"name": function name, "parameters": values} -#}${tools}${messages(call('parameters'), '', '', '')}`,
} as const;
