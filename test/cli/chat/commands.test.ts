// Commands of a chat: what they say and change, and that one which fails changes nothing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHAT_COMMANDS, type Chat, completeCommand, LEAVE, runChatCommand } from '../../../src/cli/chat/commands.ts';
import { plainFormat } from '../../../src/cli/chat/plain-format.ts';
import { ChatSession } from '../../../src/cli/chat/session.ts';
import { generationFlags } from '../../../src/cli/generation-flags.ts';
import { SAMPLING_PARAMETERS } from '../../../src/core/sampling-table.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../../support/engine/fake-runner.ts';
import { errorOf } from '../../support/error-of.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

function open() {
  const { limits } = new FakeRunner({ maxBatchTokens: 256, maxModelLen: 256, vocabSize: 8192 });
  const runner = new FakeRunner(limits);
  const engine = new Engine({ runner, tokenizer });
  const format = { ...plainFormat(tokenizer), sampling: { temperature: 0.25, topK: 7 } };
  const session = new ChatSession({ engine, format, tokenizer, limits });
  const said: string[] = [];
  const chat: Chat = {
    session,
    format,
    args: { 'max-new-tokens': 4 },
    say: (text) => said.push(text),
    show: async (answer) => {
      const { finished } = await answer({ signal: new AbortController().signal, piece: () => {} });
      said.push(`answer of ${finished.ids.length}`);
    },
  };
  session.sampling = { maxTokens: 4, ignoreEos: true };
  const send = (text: string) => chat.show((listener) => session.send(text, listener));
  const run = async (line: string) => {
    said.length = 0;
    const [, name = '', argument = ''] = /^\/(\S*) ?(.*)$/.exec(line) ?? [];
    const result = await runChatCommand(name, argument, chat);
    return result === LEAVE ? LEAVE : said.join('\n');
  };
  return { session, chat, run, send };
}

describe('commands', () => {
  test('are all in the help, and are completed', async () => {
    const { run } = open();
    const help = String(await run('/help'));
    for (const [name, { takes }] of Object.entries(CHAT_COMMANDS))
      expect(help).toContain(`/${name} ${takes}`.trimEnd());
    expect(completeCommand('/sa')).toEqual([['/save', '/save!'], '/sa']);
    expect(completeCommand('a /sa')).toEqual([[], 'a /sa']);
  });

  test.each([
    [
      '/sve a',
      'command is "/sve", expected one that /help lists (did you mean /save?), or // for a message that begins with a slash',
    ],
    [
      '/toString',
      'command is "/toString", expected one that /help lists, or // for a message that begins with a slash',
    ],
    ['/reset all', '/reset is before "all", expected nothing after it'],
    ['/save', '/save is alone, expected FILE after it'],
    ['/save a', 'the chat is empty, expected a message before /save'],
    ['/regenerate', 'the chat is empty, expected a message that can be answered again'],
  ])('%s is refused', async (line, message) => {
    expect(await errorOf(() => open().run(line))).toMatchObject({ message });
  });

  test('show and set the system message, which stays after a reset', async () => {
    const { run, session } = open();
    expect(await run('/system')).toBe('no system message');
    expect(await run('/system Be kind.')).toBe('system message: "Be kind."');
    await run('/reset');
    expect(session.messages).toEqual([{ role: 'system', content: 'Be kind.' }]);
    expect(await run('/system ""')).toBe('system message: ""');
    expect(session.system).toBe('');
  });

  test('answer again, begin anew, and leave', async () => {
    const { run, session, send } = open();
    await send('Who came?');
    expect(await run('/regenerate')).toBe('answer of 4');
    expect(session.messages).toHaveLength(2);
    expect(await run('/reset')).toBe('the chat is empty');
    expect(session.messages).toEqual([]);
    expect(await run('/exit')).toBe(LEAVE);
  });
});

describe('/params', () => {
  test('shows every sampling flag with its value, from wherever it comes, and its meaning', async () => {
    const { run } = open();
    const lines = String(await run('/params')).split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(Object.keys(generationFlags));
    const lineOf = (name: string) => lines.find((line) => line.startsWith(`${name} `)) ?? '';
    expect(lineOf('max-new-tokens')).toMatch(/^max-new-tokens +4 /);
    expect(lineOf('temperature')).toMatch(/^temperature +0\.25 \(by the model\) /);
    expect(lineOf('top-k')).toMatch(/^top-k +7 \(by the model\) /);
    expect(lineOf('top-p')).toBe(`top-p               1 (default)          ${SAMPLING_PARAMETERS.topP.meaning}`);
  });

  test.each<[line: string, key: string, value: unknown]>([
    ['/params temperature 0.5', 'temperature', 0.5],
    ['/params temperature=0', 'temperature', 0],
    ['/params top-k = 3', 'topK', 3],
    ['/params stop END', 'stop', ['END']],
    ['/params stop ["a b", "\\n"]', 'stop', ['a b', '\n']],
    ['/params ignore-eos false', 'ignoreEos', false],
    ['/params seed 5', 'seed', 5],
  ])('%s sets a parameter, and default resets it', async (line, key, value) => {
    const { run, session, chat } = open();
    const name = /(\S+?)[= ]/.exec(line.slice('/params '.length))![1];
    expect(await run(line)).toMatch(new RegExp(`^${name} .*${JSON.stringify(value).replaceAll(/[[\]\\]/g, '\\$&')}`));
    expect(session.sampling).toMatchObject({ [key]: value, maxTokens: 4 });
    await run(`/params ${name} default`);
    expect(session.sampling).toMatchObject({ [key]: undefined, maxTokens: 4 });
    expect(Reflect.get(chat.args, name!)).toBeUndefined();
  });

  test.each([
    ['/params temperature hot', 'temperature is "hot", expected a finite number ≥ 0'],
    ['/params temperature -1', 'temperature is -1, expected a finite number ≥ 0'],
    ['/params presence-penalty 3', 'presence-penalty is 3, expected a number in [-2, 2]'],
    ['/params max-new-tokens 0', expect.stringMatching(/^max-new-tokens is 0, expected an integer from 1 to/)],
    ['/params ignore-eos perhaps', 'ignore-eos is "perhaps", expected no value, or true or false'],
    ['/params stop [1]', 'stop is "[1]", expected a text, or a JSON list of texts'],
    ['/params top_k 3', expect.stringMatching(/^parameter is "top_k", expected one of .*\(did you mean "top-k"\?\)$/)],
    ['/params toString', expect.stringMatching(/^parameter is "toString", expected one of /)],
  ])('%s is refused, and nothing is changed', async (line, message) => {
    const { run, session, chat } = open();
    const before = [session.sampling, chat.args];
    expect(await errorOf(() => run(line))).toMatchObject({ message });
    expect([session.sampling, chat.args]).toEqual(before);
  });
});

describe('/save and /load', () => {
  test('write a chat as OpenAI’s messages and read it again', async () => {
    const { run, session, send } = open();
    const path = join(temporaryDirectory(), 'my chat.json');
    await run('/system Be kind.');
    await send('Who came?');
    expect(await run(`/save ${path}`)).toBe('wrote 3 messages');
    const { messages } = session;
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ messages });
    await run('/reset');
    await run('/system Be short.');
    expect(await run(`/load ${path}`)).toBe('read 3 messages');
    expect(session.messages).toEqual(messages);
  });

  test('replace a file only when they are told to', async () => {
    const { run, send } = open();
    const path = join(temporaryDirectory(), 'chat.json');
    writeFileSync(path, 'mine');
    await send('Who came?');
    expect(await errorOf(() => run(`/save ${path}`))).toMatchObject({
      message: `/save is ${JSON.stringify(path)}, which exists, expected a new file; /save! replaces it`,
    });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await run(`/save! ${path}`);
    expect(JSON.parse(readFileSync(path, 'utf8')).messages).toHaveLength(2);
  });

  test('say which file can not be written', async () => {
    const { run, send } = open();
    await send('Who came?');
    expect(await errorOf(() => run('/save /nowhere/a.json'))).toMatchObject({
      message: '/save is "/nowhere/a.json" (ENOENT), expected a file that can be written',
    });
  });

  test('say that the last message has no answer', async () => {
    const { run } = open();
    const path = join(temporaryDirectory(), 'chat.json');
    writeFileSync(path, '{"messages": [{"role": "user", "content": "Who came?"}]}');
    expect(await run(`/load ${path}`)).toBe('read 1 message; /regenerate answers the last one');
  });

  test('name a directory that /save can not write, whatever it does with files', async () => {
    const { run, send } = open();
    await send('Who came?');
    const path = JSON.stringify(temporaryDirectory());
    for (const command of ['/save', '/save!']) {
      expect(await errorOf(() => run(`${command} ${JSON.parse(path)}`))).toMatchObject({
        message: `/save is ${path} (EISDIR), expected a file that can be written`,
      });
    }
  });

  test.each<[content: string | null, fault: string]>([
    [null, 'file is a directory, expected a JSON file'],
    ['[]', 'file is [], expected a JSON object'],
    ['{', 'file is not JSON, expected a JSON object'],
    ['{"messages": [], "messages": []}', 'key "messages" is given twice, expected once'],
    ['{}', 'messages is undefined, expected a list of at least one message'],
    ['{"messages": []}', 'messages is [], expected a list of at least one message'],
    ['{"messages": [], "model": "a"}', 'key of the chat is "model", expected one of messages'],
    ['{"messages": ["a"]}', 'messages[0] is "a", expected an object'],
    [
      '{"messages": [{"role": "tool", "content": "a"}]}',
      'role of messages[0] is "tool", expected one of system, user, assistant',
    ],
    ['{"messages": [{"role": "user", "content": []}]}', 'content of messages[0] is [], expected a text'],
    ['{"messages": [{"role": "user", "name": "a"}]}', 'key of messages[0] is "name", expected one of role, content'],
    ['{"messages": [{"role": "assistant", "content": "a"}]}', 'role of messages[0] is "assistant", expected user'],
  ])('refuse %j by the name of its file, and the chat is as it was', async (content, fault) => {
    const { run, session, send } = open();
    const path = join(temporaryDirectory(), 'chat.json');
    if (content === null) mkdirSync(path);
    else writeFileSync(path, content);
    await send('Who came?');
    const before = session.messages;
    const message = `/load is ${JSON.stringify(path)}: ${fault}`;
    expect(await errorOf(() => run(`/load ${path}`))).toMatchObject({ message });
    expect(session.messages).toEqual(before);
  });
});
