// Parameters of structured output: OpenAI's `response_format`, vLLM's `structured_outputs`, and the older names of its parts. A call has
// one of them at most.
import { z } from 'zod';
import type { StructuredOutput } from '../../grammar/structured-output.ts';
import { count } from '../../util/count.ts';
import { isRecord } from '../../util/keys.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { parseSchema } from '../read-body.ts';
import { flagValue, objectError, textValue } from './kinds.ts';
import { neutral, refused, supported } from './row.ts';

/** Most texts of a `choice`. */
const MAX_TEXTS = 10_000;

const schemaExpected = 'a JSON Schema, an object';
const schemaValue = z.custom<Readonly<Record<string, unknown>>>(isRecord, { error: schemaExpected });
const jsonExpected = 'a JSON Schema, or its JSON text';
const jsonValue = z.custom<unknown>(
  (value) => isRecord(value) || typeof value === 'boolean' || typeof value === 'string',
  { error: jsonExpected },
);
const choiceExpected = `a list of 1 to ${MAX_TEXTS} texts, none empty`;
const choiceValue = z.custom<readonly string[]>(
  (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MAX_TEXTS &&
    value.every((each) => typeof each === 'string' && each !== ''),
  { error: choiceExpected },
);

const schemaFields = {
  name: textValue,
  description: textValue.optional(),
  schema: schemaValue,
  // A schema is always kept to.
  strict: flagValue.optional(),
};
const namedExpected = 'an object with name and schema';
const formatExpected = 'an object whose type is "text", "json_object" or "json_schema"';
const textFormat = z.strictObject({ type: z.literal('text') });
const objectFormat = z.strictObject({ type: z.literal('json_object') });
const responseFormatValue = z.discriminatedUnion(
  'type',
  [
    textFormat,
    objectFormat,
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject(schemaFields, { error: objectError(namedExpected) }),
    }),
  ],
  { error: formatExpected },
);

/** Form of the text of a response: as `response_format`, with the fields of a schema beside its type. */
export const textFormatValue = z.discriminatedUnion(
  'type',
  [textFormat, objectFormat, z.strictObject({ type: z.literal('json_schema'), ...schemaFields })],
  { error: formatExpected },
);

const forms = ['json', 'json_object', 'regex', 'choice', 'grammar'] as const;
const structuredExpected = `an object with exactly one of ${forms.join(', ')}`;
const structuredValue = z
  .strictObject(
    {
      json: jsonValue.optional(),
      json_object: flagValue.optional(),
      regex: textValue.optional(),
      choice: choiceValue.optional(),
      grammar: textValue.optional(),
      disable_fallback: neutral([true, false], 'other libraries that keep a form'),
      disable_any_whitespace: neutral([false], 'white space is bounded'),
      disable_additional_properties: neutral([false], 'keys that a schema does not name'),
      whitespace_pattern: refused('white space by a pattern'),
      structural_tag: refused('texts with parts of a form'),
    },
    { error: objectError(structuredExpected) },
  )
  // `false` for `json_object` asks for nothing; for `json` it is a schema.
  .refine(({ json_object: isObject, ...value }) => {
    const asked = { ...value, json_object: isObject || undefined };
    return forms.filter((form) => asked[form] !== undefined).length === 1;
  }, structuredExpected);

/** Parameters of structured output of completions and chats. */
export const structuredShape = {
  response_format: supported(responseFormatValue, {
    expected:
      '`type` `text`, `json_object` or `json_schema`, the last with `json_schema`: `name`, `schema`, `strict`, `description`',
    meaning: 'hold the text to a JSON object, or to a [JSON Schema](#structured-output), with or without `strict`',
    examples: [
      { type: 'text' },
      { type: 'json_object' },
      { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'integer' }, strict: true, description: 'a' } },
    ],
  }),
  structured_outputs: supported(structuredValue, {
    expected: 'exactly one of `json`, `json_object`, `regex`, `choice`, `grammar`',
    meaning: "vLLM's name: hold the text to a [form](#structured-output)",
    examples: [
      { json: { type: 'integer' } },
      { json: '{"type":"integer"}' },
      { json_object: true },
      { regex: 'a+' },
      { choice: ['a', 'b'], disable_fallback: false },
      { grammar: 'root ::= "a"' },
    ],
  }),
  guided_json: supported(jsonValue, {
    expected: jsonExpected,
    meaning: 'older name of `json` of `structured_outputs`',
    examples: [{ type: 'integer' }, '{"type":"integer"}'],
  }),
  guided_regex: supported(textValue, {
    expected: 'a text',
    meaning: 'older name of its `regex`',
    examples: ['a+'],
  }),
  guided_choice: supported(choiceValue, {
    expected: choiceExpected,
    meaning: 'older name of its `choice`',
    examples: [['a', 'b']],
  }),
  guided_grammar: supported(textValue, {
    expected: 'a text',
    meaning: 'older name of its `grammar`',
    examples: ['root ::= "a"'],
  }),
} as const;

/** Values of these parameters. */
export interface StructuredValues {
  readonly response_format?: z.output<typeof responseFormatValue> | undefined;
  readonly structured_outputs?: z.output<typeof structuredValue> | undefined;
  readonly guided_json?: unknown;
  readonly guided_regex?: string | undefined;
  readonly guided_choice?: readonly string[] | undefined;
  readonly guided_grammar?: string | undefined;
}

/** A structured output that a call asks for. */
export interface WantedOutput {
  /** Place of it among the parameters. */
  readonly param: string;
  readonly output: StructuredOutput;
}

/**
 * Finds the structured output of a completion or a chat; null where it may be any text.
 *
 * @throws ApiError for a second one, and for a schema as a text that is no JSON.
 */
export function wantedOutput(values: StructuredValues): WantedOutput | null {
  const { response_format: format, structured_outputs: parts = {} } = values;
  const schema = format?.type === 'json_schema' ? format.json_schema.schema : undefined;
  const all: readonly WantedOutput[] = [
    { param: 'response_format', output: { jsonObject: format?.type === 'json_object' || undefined } },
    { param: 'response_format.json_schema.schema', output: { json: schema } },
    { param: 'structured_outputs.json', output: { json: parts.json } },
    { param: 'structured_outputs.json_object', output: { jsonObject: parts.json_object || undefined } },
    { param: 'structured_outputs.regex', output: { regex: parts.regex } },
    { param: 'structured_outputs.choice', output: { choice: parts.choice } },
    { param: 'structured_outputs.grammar', output: { grammar: parts.grammar } },
    { param: 'guided_json', output: { json: values.guided_json } },
    { param: 'guided_regex', output: { regex: values.guided_regex } },
    { param: 'guided_choice', output: { choice: values.guided_choice } },
    { param: 'guided_grammar', output: { grammar: values.guided_grammar } },
  ];
  const [first, second] = all.filter(({ output }) => Object.values(output).some((value) => value !== undefined));
  if (second !== undefined) {
    const message = `${second.param} is given beside ${first?.param}, expected one of them`;
    throw invalidParameter(second.param, message);
  }
  return first === undefined ? null : withSchema(first);
}

/** Finds the structured output of a response. */
export function wantedFormat(format: z.output<typeof textFormatValue> | undefined): WantedOutput | null {
  switch (format?.type) {
    case 'json_object':
      return { param: 'text.format', output: { jsonObject: true } };
    case 'json_schema':
      return { param: 'text.format.schema', output: { json: format.schema } };
    default:
      return null;
  }
}

/** Reads a schema that came as a text. @throws ApiError for one that is no JSON, or the JSON of another value. */
function withSchema({ param, output }: WantedOutput): WantedOutput {
  const { json } = output;
  if (typeof json !== 'string') return { param, output };
  try {
    const schema = parseSchema(json, param);
    if (typeof schema === 'boolean' || isRecord(schema)) return { param, output: { json: schema } };
  } catch (error) {
    if (error instanceof ApiError) throw invalidParameter(param, error.message);
  }
  throw invalidParameter(param, `${param} is a text of ${count(json.length, 'character')}, expected ${jsonExpected}`);
}
