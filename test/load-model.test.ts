// The bundled model on a GPU: every scheduler gives a request the same ids, and closing leaves nothing on the device.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { deriveSeed } from '../src/core/sampling-params.ts';
import { Engine } from '../src/engine/engine.ts';
import type { GenerationRequest } from '../src/engine/request.ts';
import { type LoadedModel, loadModel } from '../src/load-model.ts';
import { BUNDLED_MODEL } from '../src/models/bundled-model.ts';
import type { LoadModelOptions } from '../src/runtime/load-options.ts';
import { schedulerNames } from '../src/scheduler/create-scheduler.ts';
import { ChatTemplateError } from '../src/tokenizer/chat-template-errors.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

let model: LoadedModel | undefined;
afterEach(() => model?.close());

async function load(options: LoadModelOptions): Promise<LoadedModel> {
  await model?.close();
  model = await loadModel(BUNDLED_MODEL, options);
  return model;
}

const prompts = ['The king', 'Long ago, in a town by the sea,', 'A frog', 'Once', 'There were two sisters who'];

/** Drawn, not greedy: one bit in the logits or a noise that follows the slot would show in the ids. */
const requests: GenerationRequest[] = prompts.map((prompt, i) => ({
  prompt,
  sampling: { maxTokens: 20, temperature: 0.9, topP: 0.95, seed: deriveSeed(3, i), ignoreEos: true },
}));

async function idsOf({ runner, tokenizer }: LoadedModel, scheduler: (typeof schedulerNames)[number]) {
  await using engine = new Engine({ runner, tokenizer, scheduler });
  const finished = await engine.generateBatch(requests);
  expect(finished.map(({ finishReason }) => finishReason)).toEqual(requests.map(() => 'length'));
  return finished.map(({ ids }) => ids);
}

describe('the bundled model', () => {
  test('gives each request the same ids under every scheduler, with a pool so small that sequences are preempted, and with prompts in chunks', async () => {
    const alone = await idsOf(await load({ maxBatchSize: 5 }), 'naive');
    expect(new Set(alone.map((ids) => ids.join())).size).toBe(requests.length);
    for (const scheduler of schedulerNames) expect(await idsOf(model!, scheduler), scheduler).toEqual(alone);
    // Five sequences of up to 31 tokens need 10 blocks of 16 together.
    const small = await load({ maxBatchSize: 5, numBlocks: 4, blockSize: 16 });
    for (const scheduler of schedulerNames) expect(await idsOf(small, scheduler), `${scheduler}, small`).toEqual(alone);
    const chunked = await load({ maxBatchSize: 5, maxBatchTokens: 6 });
    for (const scheduler of schedulerNames)
      expect(await idsOf(chunked, scheduler), `${scheduler}, chunks`).toEqual(alone);
  });

  test('gives the same ids on an adapter without optional features', async () => {
    const ids = await idsOf(await load({ maxBatchSize: 5 }), 'online');
    expect(await idsOf(await load({ maxBatchSize: 5, features: 'base' }), 'online')).toEqual(ids);
  });

  test('refuses a request that the context or the pool can never hold, with both numbers', async () => {
    const { runner, tokenizer } = await load({ maxBatchSize: 1, numBlocks: 4 });
    await using engine = new Engine({ runner, tokenizer });
    const promptIds = new Array<number>(10).fill(1);
    expect(() => engine.addRequest({ promptIds, sampling: { maxTokens: 1015 } })).toThrow(
      'maxTokens is 1015, expected at most 1014, the room that the prompt leaves in the context',
    );
    expect(() => engine.addRequest({ promptIds, sampling: { maxTokens: 55 } })).toThrow(
      /needs 5 blocks of 16 tokens for its prompt and maxTokens, expected at most 4$/,
    );
    const { ids } = await engine.generate({ promptIds, sampling: { maxTokens: 54, ignoreEos: true } });
    expect(ids.length).toBe(54);
  });

  test('leaves nothing on the device, and may be closed twice', async () => {
    const loaded = await load({ maxBatchSize: 1 });
    await loaded.close();
    await loaded.close();
    await expect(loaded.runner.execute({} as never)).rejects.toThrow('the GPU device was lost (closed)');
  });
});

test('random:gpt2 is refused by its name when there is no such size', async () => {
  await expect(loadModel('random:gpt3')).rejects.toThrow('random model is "gpt3", expected one of gpt2, gpt2-medium');
});

test('a template of a file writes its chats in place of its own, and what is none is refused', async () => {
  const quick = { maxModelLen: 64, maxBatchSize: 1, warmUp: false, tune: 'off' } as const;
  const directory = temporaryDirectory();
  const chatTemplate = join(directory, 'mine.jinja');
  const source = '{{ messages[0].content }}{% if tools %}{{ tools | length }}{% endif %}';
  await writeFile(chatTemplate, source);
  const { chat, tokenizer } = await load({ ...quick, chatTemplate });
  expect(chat?.template.source).toBe(source);
  const ids = await chat!.template.encode([{ role: 'user', content: 'Hello' }], { tools: [{ name: 'a' }] });
  expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe('Hello1');
  const missing = loadModel(BUNDLED_MODEL, { ...quick, chatTemplate: join(directory, 'none.jinja') });
  await expect(missing).rejects.toThrow(ChatTemplateError);
  await expect(loadModel(BUNDLED_MODEL, { chatTemplate: '' })).rejects.toThrow('expected the path of a file');
});
