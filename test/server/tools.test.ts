// Calls of tools in chats, through the official client, in each way in which models write them: whole and streamed, and refusals that
// name the place.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming, ChatCompletionFunctionTool } from 'openai/resources';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { SERVER_LIMITS, startTestServer, type TestServer, talesTokenizer } from '../support/server/test-server.ts';
import { TOOL_TEMPLATES } from '../support/tools/templates.ts';

const LIMITS = { ...SERVER_LIMITS, maxModelLen: 2048, numBlocks: 8192 };
const PARAMETERS = {
  type: 'object',
  properties: { age: { type: 'integer', minimum: 0, maximum: 120 }, kind: { enum: ['king', 'frog "\\"'] } },
  required: ['age', 'kind'],
};
const TOOLS: ChatCompletionFunctionTool[] = [
  { type: 'function', function: { name: 'find', description: 'Finds a guest.', parameters: PARAMETERS } },
  { type: 'function', function: { name: 'find_all' } },
];
const NAMED = { type: 'function', function: { name: 'find' } } as const;
const CALL: ChatCompletionCreateParamsNonStreaming = {
  model: 'tales',
  messages: [{ role: 'user', content: 'Who came?' }],
  tools: TOOLS,
  max_tokens: 600,
  seed: 1,
};
const fits = new Ajv2020({ strict: true }).compile(PARAMETERS);

/** Server whose template is another for each way: threads of grammars take long to start. */
interface ToolServer extends AsyncDisposable {
  readonly server: TestServer;
  readonly client: OpenAI;
  readonly runner: FakeRunner;
  /** Gives the model another template. */
  use(source: string): void;
}

async function open(source: string, tokenizer = talesTokenizer): Promise<ToolServer> {
  const runner = new FakeRunner({ ...LIMITS, vocabSize: tokenizer.vocabSize });
  const make = (text: string) => {
    const made = ChatTemplate.fromGGUF(new Map([['tokenizer.chat_template', text]]), 'model.gguf', tokenizer);
    templates.push(made!);
    return made!;
  };
  const templates: ChatTemplate[] = [];
  const chat = { template: make(source) };
  const server = await startTestServer({ runner, chat, tokenizer });
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const use = (text: string) => {
    chat.template = make(text);
  };
  const close = async () => {
    await server[Symbol.asyncDispose]();
    for (const template of templates) template.close();
  };
  return { server, client, runner, use, [Symbol.asyncDispose]: close };
}

let served: ToolServer;
beforeAll(async () => {
  served = await open(TOOL_TEMPLATES.hermes);
});
afterAll(() => served[Symbol.asyncDispose]());
afterEach(() => {
  served.runner.script = [];
});

/** Answers a call whole and streamed; without the ids of calls, which are drawn, both are the same. */
async function answersOf({ client }: ToolServer, fields: object) {
  const call = { ...CALL, ...fields };
  const whole = await client.chat.completions.create(call);
  const streamed = await client.chat.completions.stream({ ...call, stream: true }).finalChatCompletion();
  const plain = ({ choices }: typeof whole) =>
    choices.map(({ message: { content, tool_calls: calls }, finish_reason: reason, index }) => ({
      index,
      reason,
      content: content ?? '',
      calls: (calls ?? []).map((each) => 'function' in each && [each.function.name, each.function.arguments]),
    }));
  expect(plain(streamed)).toEqual(plain(whole));
  return whole.choices.map(({ message, finish_reason: reason }) => ({
    reason,
    content: message.content,
    calls: (message.tool_calls ?? []).flatMap((each) =>
      'function' in each ? [{ id: each.id, ...each.function }] : [],
    ),
  }));
}

/** Checks that calls have ids of their own, and arguments that fit. */
function expectRight(calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]) {
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
  for (const { id, name, arguments: given } of calls) {
    expect(id).toMatch(/^call_[0-9a-f]{24}$/);
    if (name === 'find') expect([given, fits(JSON.parse(given))]).toEqual([given, true]);
    else expect([name, JSON.parse(given)]).toEqual(['find_all', {}]);
  }
}

describe.each(Object.entries(TOOL_TEMPLATES))('in the way of %s, an answer', (name, source) => {
  beforeAll(() => served.use(source));

  test('calls tools where it has to', async () => {
    const counts: number[] = [];
    for (const seed of [1, 2]) {
      const [answer] = await answersOf(served, { seed, tool_choice: 'required' });
      expect(answer).toMatchObject({ reason: 'tool_calls', content: null });
      expectRight(answer!.calls);
      counts.push(answer!.calls.length);
    }
    // Half of the answers to the others' form go on with another call.
    expect(Math.max(...counts) > 1).toBe(name !== 'llama3');
  });

  test('calls the tool that is named, once', async () => {
    for (const choice of await answersOf(served, { n: 3, tool_choice: NAMED })) {
      expect(choice).toMatchObject({ reason: 'tool_calls', content: null, calls: [{ name: 'find' }] });
      expect(choice.calls).toHaveLength(1);
      expectRight(choice.calls);
    }
  });

  test('calls one tool where several may not be called', async () => {
    for (const choice of await answersOf(served, { n: 4, tool_choice: 'required', parallel_tool_calls: false })) {
      expect(choice.calls).toHaveLength(1);
      expectRight(choice.calls);
    }
  });

  test('calls tools after a text, or as its start, where the model wants that', async () => {
    const isAtStart = name === 'llama3';
    const opening = isAtStart ? '{"name": "' : source.includes('[TOOL') ? '[TOOL_CALLS]' : '<tool_call>';
    for (const text of isAtStart ? [''] : ['', 'Let me see < <tool_c. ']) {
      served.runner.script = talesTokenizer.encode(`${text}${opening}`);
      const [answer] = await answersOf(served, {});
      expect(answer).toMatchObject({ reason: 'tool_calls', content: text === '' ? null : text });
      expectRight(answer!.calls);
    }
  });

  test('is text where the model wants no tool, or may not have any', async () => {
    for (const tool_choice of ['auto', 'none']) {
      const [answer] = await answersOf(served, { tool_choice, max_tokens: 20 });
      expect(answer).toMatchObject({ reason: 'length', calls: [] });
      expect(answer!.content).not.toBe('');
    }
  });

  test('may be cut within a call, whose arguments so far are there', async () => {
    const [answer] = await answersOf(served, { tool_choice: NAMED });
    const [{ arguments: all } = { arguments: '' }] = answer!.calls;
    const lengths = new Set<number>();
    for (let tokens = 1; tokens < 60; tokens += 5) {
      const cut = await served.client.chat.completions.create({ ...CALL, tool_choice: NAMED, max_tokens: tokens });
      const [choice] = cut.choices;
      if (choice?.finish_reason !== 'length') continue;
      const [call] = choice.message.tool_calls ?? [];
      const begun = call !== undefined && 'function' in call ? call.function.arguments : '';
      expect(all.startsWith(begun)).toBe(true);
      lengths.add(begun.length);
    }
    expect(lengths.size).toBeGreaterThan(2);
  });

  test('goes on after calls and their results, which the template writes', async () => {
    const [answer] = await answersOf(served, { tool_choice: NAMED });
    const { id, name: called, arguments: given } = answer!.calls[0]!;
    const messages = [
      ...CALL.messages,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id, type: 'function', function: { name: called, arguments: given } }],
      },
      { role: 'tool', tool_call_id: id, content: 'The <|endoftext|> frog.' },
    ];
    const body = { ...CALL, messages, tool_choice: 'none', max_tokens: 3, return_token_ids: true };
    const response = await served.server.post('/v1/chat/completions', body);
    const { choices } = JSON.parse(await response.text());
    const ids: number[] = choices[0].prompt_token_ids;
    const prompt = talesTokenizer.decode(ids, { skipSpecialTokens: false });
    expect(prompt).toContain(`{"name": "find", "${name === 'llama3' ? 'parameters' : 'arguments'}": {"`);
    const shown = source.includes('[TOOL') ? '[0-9a-f]{9}' : id;
    expect(prompt).toMatch(new RegExp(`tool find ${shown}: The <\\|endoftext\\|> frog\\.\n`));
    // What a result spells of special tokens is text, and without tools the template is told of none.
    expect(ids.filter((each) => talesTokenizer.isSpecial(each))).toEqual([]);
    expect(prompt).not.toContain('tools: ');
  });
});

test('the first delta of a call has id and name, and the others have arguments alone', async () => {
  served.use(TOOL_TEMPLATES.hermes);
  const strict = { type: 'function' as const, function: { name: 'find', parameters: PARAMETERS, strict: true } };
  const call = { ...CALL, tools: [strict], tool_choice: 'required' as const, stream: true as const };
  const stream = await served.client.chat.completions.create(call);
  const deltas: object[] = [];
  for await (const { choices } of stream) for (const { delta } of choices) deltas.push(...(delta.tool_calls ?? []));
  const firsts = deltas.filter((delta) => 'id' in delta);
  for (const [index, first] of firsts.entries()) {
    expect(first).toEqual({
      index,
      id: expect.stringMatching(/^call_/),
      type: 'function',
      function: { name: expect.stringMatching(/^find/), arguments: '' },
    });
  }
  const others = deltas.filter((delta) => !('id' in delta));
  expect(others.length).toBeGreaterThan(firsts.length);
  for (const other of others) {
    expect(other).toEqual({ index: expect.any(Number), function: { arguments: expect.stringMatching(/./s) } });
  }
});

describe('where a control token begins the calls', () => {
  let dir: string;
  let other: ToolServer;
  const OPENING = 8192;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tools-'));
    await cp('weights/tales', dir, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
    const definition = JSON.parse(await readFile(join(dir, 'tokenizer.json'), 'utf8'));
    definition.added_tokens.push({ id: OPENING, content: '[TOOL_CALLS]', special: true });
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(definition));
    other = await open(TOOL_TEMPLATES.mistral, await Tokenizer.load(dir));
  });
  afterAll(async () => {
    await other[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test('an answer calls tools where it has to, or wants to, after any text', async () => {
    const [required] = await answersOf(other, { tool_choice: 'required' });
    expect(required).toMatchObject({ reason: 'tool_calls', content: null });
    expectRight(required!.calls);
    other.runner.script = [...talesTokenizer.encode('Well, [TOOL_CALLS] or'), OPENING];
    const [wanted] = await answersOf(other, {});
    expect(wanted).toMatchObject({ reason: 'tool_calls', content: 'Well, [TOOL_CALLS] or' });
    expectRight(wanted!.calls);
    other.runner.script = talesTokenizer.encode('No.');
    expect(await answersOf(other, { max_tokens: 10 })).toMatchObject([
      { reason: 'length', content: expect.stringMatching(/^No\./), calls: [] },
    ]);
  });
});

describe('a call is refused', () => {
  beforeAll(() => served.use(TOOL_TEMPLATES.smollm2));

  const tool = (fields: object) => [{ type: 'function', function: { name: 'a', ...fields } }];
  const calling = (fields: object) => ({ role: 'assistant', content: 'a', ...fields });
  const made = { id: '1', type: 'function', function: { name: 'a', arguments: '{}' } };
  const result = { role: 'tool', tool_call_id: '1', content: 'a' };
  const user = { role: 'user', content: 'a' };
  test.each([
    [{ tools: {} }, 'tools', 'an object'],
    [{ tools: Array(129).fill(TOOLS[0]) }, 'tools', 'a list of 129, expected a list of up to 128'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', 'tools[0].type is "web_search", expected "function"'],
    [{ tools: [{ type: 'function' }] }, 'tools[0].function', 'is missing'],
    [{ tools: [{ ...TOOLS[0], x: 1 }] }, 'tools[0].x', 'is unknown'],
    [{ tools: tool({ x: 1 }) }, 'tools[0].function.x', 'is unknown'],
    [{ tools: tool({ name: 'a b' }) }, 'tools[0].function.name', 'expected 1 to 64 of a-z, A-Z, 0-9, _ and -'],
    [{ tools: tool({ name: 'a'.repeat(65) }) }, 'tools[0].function.name', 'expected 1 to 64'],
    [{ tools: tool({ description: 1 }) }, 'tools[0].function.description', 'is 1, expected a text'],
    [{ tools: tool({ strict: 1 }) }, 'tools[0].function.strict', 'is 1, expected true or false'],
    [{ tools: tool({ parameters: [] }) }, 'tools[0].function.parameters', 'expected a JSON Schema of type object'],
    [{ tools: tool({ parameters: {} }) }, 'tools[0].function.parameters', 'type is undefined, expected "object"'],
    [{ tools: [TOOLS[1], TOOLS[0], TOOLS[1]] }, 'tools[2].function.name', 'is "find_all", expected a name of its own'],
    [
      { tools: [TOOLS[0], ...tool({ parameters: { type: 'object', properties: { a: { not: {} } } } })] },
      'tools[1].function.parameters',
      "tools[1].function.parameters can't be kept: schema at #/properties/a: not",
    ],
    [
      {
        tools: [TOOLS[1], ...tool({ parameters: { type: 'object', properties: { a: { not: {} } } } })],
        tool_choice: { type: 'function', function: { name: 'a' } },
      },
      'tools[1].function.parameters',
      "tools[1].function.parameters can't be kept: schema at #/properties/a: not",
    ],
    [{ tool_choice: 'all' }, 'tool_choice', 'tool_choice is "all", expected one of none, auto, required'],
    [{ tool_choice: { type: 'function' } }, 'tool_choice', 'expected one of none'],
    [
      { tool_choice: { type: 'function', function: { name: 'x' } } },
      'tool_choice.function.name',
      'is "x", expected one of find, find_all',
    ],
    [{ tools: [], tool_choice: 'required' }, 'tool_choice', 'without tools'],
    [{ tools: [], tool_choice: NAMED }, 'tool_choice.function.name', 'expected tools'],
    [{ parallel_tool_calls: 'no' }, 'parallel_tool_calls', 'expected true or false'],
    [{ response_format: { type: 'json_object' } }, 'response_format', 'given beside tools'],
    [{ guided_regex: 'a' }, 'guided_regex', 'given beside tools'],
    [{ logprobs: true }, 'logprobs', 'given beside tools'],
    [{ resume: { ids: [1] }, seed: 1 }, 'resume', 'given beside tools'],
    [
      { messages: [user, { role: 'tool', content: 'a' }] },
      'messages[1].tool_call_id',
      'is missing, expected the id of a call',
    ],
    [{ messages: [user, result] }, 'messages[1].tool_call_id', 'is of "1", expected the id of a call before it'],
    [{ messages: [{ ...user, tool_call_id: '1' }] }, 'messages[0].tool_call_id', "none, as the message is no tool's"],
    [
      { messages: [{ ...user, tool_calls: [made] }] },
      'messages[0].tool_calls',
      "none, as the message is no assistant's",
    ],
    [{ messages: [user, calling({ content: null })] }, 'messages[1].content', 'is missing'],
    [
      { messages: [user, calling({ tool_calls: [{ ...made, id: '' }] })] },
      'messages[1].tool_calls[0].id',
      'expected the id of a call',
    ],
    [{ messages: [user, calling({ tool_calls: [{ ...made, x: 1 }] })] }, 'messages[1].tool_calls[0].x', 'is unknown'],
    ...['[]', '{', '1', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`].map(
      (given) =>
        [
          { messages: [user, calling({ tool_calls: [{ ...made, function: { name: 'a', arguments: given } }] })] },
          'messages[1].tool_calls[0].function.arguments',
          'expected the text of a JSON object',
        ] as const,
    ),
  ] as const)('%#, by its place', async (fields: object, param, message) => {
    const response = await served.server.post('/v1/chat/completions', { ...CALL, ...fields });
    const { error = null } = JSON.parse(await response.text());
    expect([response.status, error?.param]).toEqual([400, param]);
    expect(error.message).toContain(message);
  });

  test('by a model that knows no tools, whose template is named as the reason', async () => {
    const plain = '{% for message in messages %}{{ message.content }}{% endfor %}';
    const reasons = new Map([
      [plain, 'a chat template that knows no tools'],
      [`{{ tools }}${plain}`, 'writes calls in a way that is not known'],
    ]);
    const history = { ...CALL, tools: [], messages: [user, calling({ tool_calls: [made] }), result] };
    for (const [source, reason] of reasons) {
      served.use(source);
      const refused = served.client.chat.completions.create(CALL);
      await expect(refused).rejects.toMatchObject({ status: 400, code: 'unsupported_tools', param: 'tools' });
      await expect(refused).rejects.toThrow(reason);
      const response = await served.server.post('/v1/chat/completions', history);
      expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('unsupported_tools')]);
      await served.client.chat.completions.create({ ...CALL, tool_choice: 'none', max_tokens: 1 });
    }
    await using bare = await startTestServer();
    const response = await bare.post('/v1/chat/completions', { ...CALL, max_tokens: 1 });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('has no chat template')]);
  });
});
