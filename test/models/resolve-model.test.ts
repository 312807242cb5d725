// A model directory before there is a device: its eos ids, its tokenizer or none, and paths that lead nowhere.
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { Architecture } from '../../src/models/architecture.ts';
import { ConfigError } from '../../src/models/config.ts';
import { gpt2 } from '../../src/models/gpt2/gpt2.ts';
import { openSource } from '../../src/models/resolve-model.ts';
import { TokenizerError } from '../../src/tokenizer/tokenizer-error.ts';
import { talesRunner } from '../support/engine/test-runners.ts';
import { errorOf } from '../support/error-of.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TALES = 'weights/tales';
const FIXTURE = 'test/fixtures/models/plain';

/** A copy of a fixture with other files in it; an object is written as JSON, null removes a file. */
function modelDirectory(files: Readonly<Record<string, unknown>>): string {
  const dir = temporaryDirectory();
  cpSync(FIXTURE, dir, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, name);
    if (content === null) rmSync(path);
    else writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

/** The architecture of the fixture with a key that its config.json has in vain. */
const forgetful: Architecture = {
  ...gpt2,
  define(json, source) {
    const model = gpt2.define(json, source);
    return { ...model, config: { ...model.config, ignoredKeys: ['gadget'] } };
  },
};

async function open(files: Readonly<Record<string, unknown>>) {
  const opened = await openSource(modelDirectory(files));
  await opened.source.close();
  return opened;
}

test('keys of config.json that count for nothing are a notice', async () => {
  const opened = await openSource(FIXTURE, 0, [forgetful]);
  await opened.source.close();
  expect(opened.notices).toEqual([`${FIXTURE}/config.json: 1 key is not understood and ignored: "gadget"`]);
});

describe('the eos of a directory', () => {
  test.each<[string, unknown, readonly number[]]>([
    ['an id', { eos_token_id: 3 }, [3]],
    ['a list', { eos_token_id: [5, 3, 5] }, [5, 3]],
    ['an empty list', { eos_token_id: [] }, []],
  ])('is that of generation_config.json: %s', async (_, generation, eosIds) => {
    const opened = await open({ 'generation_config.json': generation });
    expect(opened.eosIds).toEqual(eosIds);
    expect(opened.notices).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['is missing', null],
    ['has no such key', { max_length: 20 }],
    ['has null for it', { eos_token_id: null }],
  ])('is that of config.json where generation_config.json %s', async (_, generation) => {
    const { config } = (await open({})).model;
    expect(config.eosTokenIds).toHaveLength(1);
    const opened = await open(generation === null ? {} : { 'generation_config.json': generation });
    expect(opened.eosIds).toEqual(config.eosTokenIds);
  });

  test('is named in one line and unused where the model has no row for it', async () => {
    const opened = await open({ 'generation_config.json': { eos_token_id: [1e6, 2, -1, 2 ** 60] } });
    expect(opened.eosIds).toEqual([2]);
    expect(opened.notices.map((line) => line.replace(/^.*: /, ''))).toEqual([
      `eos [1000000, -1, 1152921504606847000] is beyond the ${opened.model.config.vocabSize} tokens of the model and never generated`,
    ]);
  });

  test.each<[unknown, string]>([
    [{ eos_token_id: '3' }, 'eos_token_id is "3", expected an integer, a list of integers or null'],
    [{ eos_token_id: 1.5 }, 'eos_token_id is 1.5, expected'],
    [{ eos_token_id: [[3]] }, 'eos_token_id is [[3]], expected'],
    ['{ "eos_token_id": 1e400 }', 'eos_token_id is Infinity, expected'],
    ['{ "eos_token_id": 1, "eos_token_id": 2 }', 'key "eos_token_id" is given twice'],
    ['[3]', 'file is [3], expected a JSON object'],
    ['{', 'file is not JSON, expected a JSON object'],
  ])('is refused by name when it is %j', async (generation, message) => {
    const error = await errorOf(() => open({ 'generation_config.json': generation }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(`generation_config.json: ${message}`);
  });

  test('is refused when generation_config.json is a directory', async () => {
    const dir = modelDirectory({});
    mkdirSync(join(dir, 'generation_config.json'));
    await expect(openSource(dir)).rejects.toThrow('generation_config.json: file is a directory, expected a JSON file');
  });
});

describe('the sampling that the authors of a model advise', () => {
  test.each<[Readonly<Record<string, unknown>> | null, Readonly<Record<string, number>>]>([
    [null, {}],
    [{ eos_token_id: 3, do_sample: true, max_length: 20, top_k: null }, {}],
    [
      { do_sample: true, temperature: 0.6, top_p: 0.9 },
      { temperature: 0.6, topP: 0.9 },
    ],
    [
      { top_k: 20, min_p: 0.1, repetition_penalty: 1.1 },
      { topK: 20, minP: 0.1, repetitionPenalty: 1.1 },
    ],
    [{ do_sample: false, temperature: 0.6 }, { temperature: 0 }],
  ])('is that of generation_config.json: %j', async (generation, sampling) => {
    const opened = await open(generation === null ? {} : { 'generation_config.json': generation });
    expect(opened.sampling).toEqual(sampling);
  });

  test.each([
    [{ temperature: -1 }, 'temperature is -1, expected a finite number ≥ 0'],
    [{ top_p: 0 }, 'top_p is 0, expected a number in (0, 1]'],
    [{ top_k: 1.5 }, 'top_k is 1.5, expected'],
    [{ repetition_penalty: '1' }, 'repetition_penalty is "1", expected a finite number > 0'],
  ])('is refused by key and value where it is out of range: %j', async (generation, message) => {
    const error = await errorOf(() => open({ 'generation_config.json': generation }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(`generation_config.json: ${message}`);
  });
});

describe('a directory without tokenizer.json', () => {
  test('is opened for ids, and its tokenizer names the file when text is asked for', async () => {
    const { tokenizer, model } = await open({});
    expect(tokenizer).toMatchObject({ vocabSize: model.config.vocabSize, eosIds: [] });
    expect(tokenizer.decode([1, 2], { skipSpecialTokens: true })).toBe('');
    expect(() => tokenizer.encode('Once')).toThrow(TokenizerError);
    expect(() => tokenizer.encode('Once')).toThrow('tokenizer.json: tokenizer is missing, expected one');
  });

  test('names the tokenizer as what a chat lacks, not the template that it has', async () => {
    const { chatTemplate } = await open({ 'chat_template.jinja': '{{ messages[0].content }}' });
    using template = chatTemplate;
    const chat = () => template?.encode([{ role: 'user', content: 'Hello' }]);
    expect(String(await errorOf(chat))).toMatch(/tokenizer\.json: tokenizer is missing, expected one/);
  });
});

test('a vocabulary that is larger than the model is refused by the file of the tokenizer', async () => {
  const definition = readFileSync('test/fixtures/tokenizers/smollm/tokenizer.json', 'utf8');
  expect(String(await errorOf(() => open({ 'tokenizer.json': definition })))).toMatch(
    /\/tokenizer\.json: vocabulary of the tokenizer is 700, expected at most the model's 320$/,
  );
});

describe('a token that is added beyond the rows of the model', () => {
  /** The bundled model with one more token, the eos of its tokenizer. */
  function extended(): string {
    const dir = temporaryDirectory();
    for (const name of ['config.json', 'model.safetensors']) symlinkSync(resolve(TALES, name), join(dir, name));
    const definition = JSON.parse(readFileSync(join(TALES, 'tokenizer.json'), 'utf8'));
    definition.added_tokens.push({ id: 8192, content: '<extra>', special: true });
    writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(definition));
    writeFileSync(join(dir, 'tokenizer_config.json'), '{"eos_token": "<extra>"}');
    return dir;
  }

  test('does not keep the model from loading, is named as an eos, and is refused where it is used', async () => {
    const dir = extended();
    const { tokenizer, eosIds, notices, source, model } = await openSource(dir);
    await source.close();
    expect(eosIds).toEqual([8191]);
    expect(notices).toEqual([`${dir}: eos [8192] is beyond the 8192 tokens of the model and never generated`]);
    await using engine = new Engine({ runner: Object.assign(talesRunner(), { eosIds }), tokenizer });
    await expect(engine.generate({ prompt: 'A <extra>' })).rejects.toThrow('is 8192, expected an integer in [0, 8192)');
    for (const sampling of [{ logitBias: { 8192: 1 } }, { stopTokenIds: [8192] }]) {
      await expect(engine.generate({ prompt: 'A', sampling })).rejects.toThrow('expected an integer in [0, 8192)');
    }
    expect(model.config.vocabSize).toBe(8192);
  });
});

test.each(['', 'config.json', 'none'])('a path that leads to no directory of a model is refused: %j', async (name) => {
  const path = join(temporaryDirectory(), name);
  if (name === 'config.json') writeFileSync(path, '{}');
  const found = {
    '': 'config.json: file is missing',
    'config.json': 'model directory is a file',
    none: 'model directory is missing',
  };
  await expect(openSource(path)).rejects.toThrow(Reflect.get(found, name));
});
