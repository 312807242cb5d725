// Tools of the AI SDK: calls that fit, in parts, results that go on, and what is refused.
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { generateText, isStepCount, jsonSchema, streamText, tool } from 'ai';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import { allOf, openTestProvider, type TestProvider } from '../support/ai-sdk-provider.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, talesTokenizer } from '../support/server/test-server.ts';
import { TOOL_TEMPLATES } from '../support/tools/templates.ts';

const SCHEMA = {
  type: 'object' as const,
  properties: { age: { type: 'integer' as const, minimum: 0, maximum: 120 } },
  required: ['age'],
  additionalProperties: false,
};
const fits = new Ajv2020({ strict: true }).compile(SCHEMA);
const prompt: LanguageModelV4CallOptions['prompt'] = [{ role: 'user', content: [{ type: 'text', text: 'Who came?' }] }];
const TOOLS = [
  { type: 'function' as const, name: 'find', inputSchema: SCHEMA },
  { type: 'function' as const, name: 'all', inputSchema: { type: 'object' as const, additionalProperties: false } },
];
const OPTIONS: LanguageModelV4CallOptions = { prompt, tools: TOOLS, maxOutputTokens: 800, seed: 4 };
const runner = new FakeRunner({ ...SERVER_LIMITS, maxModelLen: 2048, numBlocks: 8192 });
const values = new Map([['tokenizer.chat_template', TOOL_TEMPLATES.smollm2]]);
const template = ChatTemplate.fromGGUF(values, 'model.gguf', talesTokenizer)!;
let opened: TestProvider;

beforeAll(() => {
  opened = openTestProvider({ chat: { template } }, {}, runner);
});
afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  template.close();
});
afterEach(() => {
  runner.script = [];
});

const model = () => opened.roseinfer('tales');
async function partsOf(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamPart[]> {
  const { stream } = await model().doStream(options);
  return await allOf(stream);
}

test.each([{ type: 'required' as const }, { type: 'tool' as const, toolName: 'find' }])(
  'calls come whole and in parts, and fit: %j',
  async (toolChoice) => {
    const options = { ...OPTIONS, toolChoice };
    const { content, finishReason } = await model().doGenerate(options);
    expect(finishReason).toEqual({ unified: 'tool-calls', raw: 'stop' });
    const calls = content.flatMap((part) => (part.type === 'tool-call' ? [part] : []));
    expect(calls).toHaveLength(content.length);
    for (const { toolName, input } of calls) {
      if (toolName === 'find') expect([input, fits(JSON.parse(input))]).toEqual([input, true]);
      else expect([toolName, JSON.parse(input)]).toEqual(['all', {}]);
    }
    if (toolChoice.type === 'tool') expect(calls).toMatchObject([{ toolName: 'find' }]);
    const parts = await partsOf(options);
    const inputs = new Map<string, string>();
    for (const part of parts) {
      if (part.type === 'tool-input-delta') inputs.set(part.id, `${inputs.get(part.id) ?? ''}${part.delta}`);
    }
    const streamed = parts.flatMap((part) => (part.type === 'tool-call' ? [part] : []));
    expect(streamed.map(({ toolName, input }) => [toolName, input])).toEqual(
      calls.map(({ toolName, input }) => [toolName, input]),
    );
    expect([...inputs]).toEqual(streamed.map(({ toolCallId, input }) => [toolCallId, input]));
    expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'tool-calls' } });
  },
);

test('the parts of a text and of a call after it come in the order of the SDK', async () => {
  runner.script = talesTokenizer.encode('Let me see.<tool_call>[{"name": "find"');
  const parts = await partsOf(OPTIONS);
  const types = parts.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
  expect(types.slice(0, 9)).toEqual([
    'stream-start',
    'response-metadata',
    'text-start',
    'text-delta',
    'text-end',
    'tool-input-start',
    'tool-input-delta',
    'tool-input-end',
    'tool-call',
  ]);
  const text = parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('');
  expect(text).toBe('Let me see.');
});

test('a call that is cut is no call: its input ends, and the reason is the length', async () => {
  runner.script = talesTokenizer.encode('<tool_call>[{"name": "find", "arguments": {"age": ');
  const options = { ...OPTIONS, maxOutputTokens: runner.script.length };
  const { content, finishReason } = await model().doGenerate(options);
  expect([content, finishReason.unified]).toEqual([[], 'length']);
  const types = (await partsOf(options)).map(({ type }) => type);
  expect(types).toContain('tool-input-start');
  expect(types.slice(-2)).toEqual(['tool-input-end', 'finish']);
});

test('the SDK runs tools, and the next step has calls and results in its prompt', async () => {
  const ages: unknown[] = [];
  const tools = {
    find: tool({
      inputSchema: jsonSchema<{ age: number }>(SCHEMA),
      execute: ({ age }) => {
        ages.push(age);
        return { guest: `frog of ${age}` };
      },
    }),
  };
  const call = { model: model(), prompt: 'Who came?', tools, maxOutputTokens: 300, seed: 2 };
  const prepareStep = ({ stepNumber }: { stepNumber: number }) => ({
    toolChoice: stepNumber === 0 ? ('required' as const) : ('none' as const),
  });
  const { steps } = await generateText({ ...call, prepareStep, stopWhen: isStepCount(2) });
  expect(ages.length).toBeGreaterThan(0);
  expect(steps).toHaveLength(2);
  const [{ toolResults } = { toolResults: [] }] = steps;
  expect(toolResults.map(({ output }) => output)).toEqual(ages.map((age) => ({ guest: `frog of ${age}` })));
  const whole = steps[1]!.usage.inputTokens!;
  const grown = whole - steps[0]!.usage.inputTokens!;
  expect(grown).not.toBe(0);
  const stream = streamText({ ...call, toolChoice: 'required', stopWhen: isStepCount(1) });
  expect(await stream.finishReason).toBe('tool-calls');
});

test('the prompt has calls and results as the template writes them', async () => {
  const input = { age: 7 };
  const content = [
    { type: 'text' as const, text: 'Hm.' },
    { type: 'tool-call' as const, toolCallId: 'a', toolName: 'find', input },
  ];
  const outputs = [
    { type: 'text' as const, value: 'x' },
    { type: 'json' as const, value: { y: [1] } },
    { type: 'error-json' as const, value: null },
    { type: 'execution-denied' as const },
    { type: 'content' as const, value: [{ type: 'text' as const, text: 'z' }] },
  ];
  const results = outputs.map((output) => ({
    type: 'tool-result' as const,
    toolCallId: 'a',
    toolName: 'find',
    output,
  }));
  const chat: LanguageModelV4CallOptions['prompt'] = [
    ...prompt,
    { role: 'assistant', content },
    { role: 'tool', content: results },
  ];
  const { usage } = await model().doGenerate({ prompt: chat, maxOutputTokens: 1 });
  const text = [
    'user: Who came?\nassistant: Hm.<tool_call>[{"name": "find", "arguments": {"age": 7}}]</tool_call>\n',
    ...['x', '{"y":[1]}', 'null', 'execution denied', 'z'].map((each) => `tool find a: ${each}\n`),
    'assistant: ',
  ].join('');
  expect(usage.inputTokens.total).toBe(talesTokenizer.encode(text).length);
});

test('what can not be kept is an error that names it', async () => {
  const schema = { type: 'object' as const, properties: { a: { not: {} } } };
  const refused = model().doGenerate({ ...OPTIONS, tools: [{ type: 'function', name: 'a', inputSchema: schema }] });
  await expect(refused).rejects.toMatchObject({ name: 'AI_InvalidArgumentError', argument: 'tools' });
  await expect(refused).rejects.toThrow('#/0/parameters/properties/a');
  const both = model().doGenerate({ ...OPTIONS, responseFormat: { type: 'json' } });
  await expect(both).rejects.toMatchObject({ functionality: 'responseFormat of type json beside tools' });
  const content = [{ type: 'tool-call' as const, toolCallId: '1', toolName: 'a', input: 'text' }];
  const odd = model().doGenerate({ prompt: [...prompt, { role: 'assistant', content }] });
  await expect(odd).rejects.toMatchObject({ name: 'AI_InvalidArgumentError', argument: 'prompt[1].content[0].input' });
});

test('a model that knows no tools refuses them, and tools of providers are left out with a warning', async () => {
  await using bare = openTestProvider();
  const refused = bare.roseinfer('tales').doGenerate(OPTIONS);
  await expect(refused).rejects.toMatchObject({ name: 'AI_UnsupportedFunctionalityError', functionality: 'tools' });
  const free = await bare
    .roseinfer('tales')
    .doGenerate({ ...OPTIONS, toolChoice: { type: 'none' }, maxOutputTokens: 1 });
  expect(free.warnings).toEqual([]);
  const search = { type: 'provider' as const, id: 'a.search' as const, name: 'search', args: {} };
  const { warnings } = await bare.roseinfer('tales').doGenerate({ ...OPTIONS, tools: [search], maxOutputTokens: 1 });
  expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'tool a.search of a provider' }]);
});
