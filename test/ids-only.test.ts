// A model directory without a tokenizer and with several eos ids: it loads, runs on ids, and names the missing file for
// text.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import { loadModel } from '../src/load-model.ts';
import { loadTextModel } from '../src/research/load-text-model.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const FIXTURE = 'test/fixtures/models/plain';
const { prompt, completion }: { prompt: number[]; completion: number[] } = JSON.parse(
  readFileSync(join(FIXTURE, 'golden.json'), 'utf8'),
).greedy;
const eosIds = [186, 185];

/** The fixture with two eos ids, and one that its vocabulary lacks. */
function modelDirectory(): string {
  const dir = temporaryDirectory();
  cpSync(FIXTURE, dir, { recursive: true });
  writeFileSync(join(dir, 'generation_config.json'), JSON.stringify({ eos_token_id: [...eosIds, 5000] }));
  return dir;
}

test('a directory without a tokenizer generates ids up to any eos of its generation_config.json', async () => {
  const notices: string[] = [];
  const options = { maxBatchSize: 1, maxModelLen: 32, onNotice: (notice: string) => notices.push(notice) };
  await using model = await loadModel(modelDirectory(), options);
  expect(notices).toEqual([expect.stringContaining('eos [5000] is beyond the 320 tokens of the model')]);
  await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer });
  const generate = (sampling: object) =>
    engine.generate({ promptIds: prompt, sampling: { temperature: 0, maxTokens: 8, ...sampling } });

  const first = completion.findIndex((id) => eosIds.includes(id));
  expect(await generate({})).toMatchObject({ ids: completion.slice(0, first + 1), text: '', finishReason: 'stop' });
  expect((await generate({ ignoreEos: true })).ids).toEqual(completion.slice(0, 8));
  const { ids } = await generate({ minTokens: 6 });
  expect(ids.slice(0, 6).some((id) => eosIds.includes(id))).toBe(false);
  await expect(engine.generate({ prompt: 'Once' })).rejects.toThrow(
    `as there is no tokenizer (${model.tokenizer.missingFile})`,
  );
});

test('a directory without a tokenizer loads for research', async () => {
  const warnings: string[] = [];
  const listen = ({ message }: Error) => warnings.push(message);
  process.on('warning', listen);
  onTestFinished(() => void process.off('warning', listen));
  using gpt2 = await loadTextModel(modelDirectory());
  const greedy = (row: Float32Array) => row.indexOf(Math.max(...row));
  expect(await gpt2.model.generate(prompt, { maxTokens: 4, choose: greedy })).toEqual(completion.slice(0, 4));
  expect(() => gpt2.tokenizer.encode('Once')).toThrow('tokenizer.json: tokenizer is missing');
  // No listener is given, so the process gets a warning.
  expect(warnings).toEqual([expect.stringContaining('eos [5000]')]);
});
