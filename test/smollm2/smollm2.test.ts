// SmolLM2-135M-Instruct from its GGUF file, with 4-bit weights as they are stored, against transformers in float64 on the same weights:
// tokenizer, chat template, logits, continuations, and conversations through engine and command line.
// @module-tag smollm2
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/load.ts';
import { openSource } from '../../src/models/resolve-model.ts';
import { logSoftmax } from '../../src/reference/operators.ts';
import { loadTextModel } from '../../src/research/load-text-model.ts';
import type { ChatMessage, ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';
import { runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { SMOLLM2_FILE } from './file.ts';

/** Logits and their log-sum may err by this: 30 layers in f32 against float64. */
const LOGIT_TOLERANCE = 2e-3;
/** Two logits nearer than this may change places. */
const NEAR_TIE = 0.01;
/** A continuation may differ where its two best logits are nearer than this. */
const NARROW_GAP = 0.05;
const MAX_KL = 1e-6;

interface Golden {
  readonly name: string;
  readonly text: string;
  readonly ids: readonly number[];
  readonly completion: readonly number[];
  readonly gap: readonly number[];
  readonly completion_text: string;
}

const FIXTURES = 'test/fixtures/smollm2';
const { prompts }: { readonly prompts: readonly Golden[] } = JSON.parse(
  readFileSync(`${FIXTURES}/golden.json`, 'utf8'),
);
const numbers = readSafetensors(`${FIXTURES}/golden.safetensors`);
const path = process.env[SMOLLM2_FILE] ?? `the environment's ${SMOLLM2_FILE}`;

/** Reads the messages of a text that the template wrote. */
function messagesOf(text: string): ChatMessage[] {
  return [...text.matchAll(/<\|im_start\|>(system|user|assistant)\n(.*?)<\|im_end\|>\n/gs)].map(([, role, content]) => {
    return { role: role === 'user' ? 'user' : role === 'system' ? 'system' : 'assistant', content: content ?? '' };
  });
}

describe('the texts of SmolLM2', () => {
  let tokenizer: Tokenizer;
  let template: ChatTemplate | null;
  beforeAll(async () => {
    const opened = await openSource(path);
    ({ tokenizer, chatTemplate: template } = opened);
    await opened.source.close();
  });

  test('have the ids of llama.cpp, and come back from them', () => {
    const cases: { text: string; ids: number[] }[] = JSON.parse(readFileSync(`${FIXTURES}/encode.json`, 'utf8'));
    expect(cases.length).toBe(262);
    for (const { text, ids } of cases) {
      expect([text, tokenizer.encode(text, { parseSpecial: false })]).toEqual([text, ids]);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text);
    }
  });

  test('of chats are those of the template', async () => {
    using owned = template!;
    const chats = prompts.filter(({ text }) => text.startsWith('<|im_start|>'));
    expect(chats).toHaveLength(4);
    for (const { text, ids } of chats) {
      const messages = messagesOf(text);
      expect(await owned.render(messages)).toBe(text);
      expect(await owned.encode(messages)).toEqual(ids);
    }
    // The template adds its own system message where there is none.
    const { text } = prompts.find(({ name }) => name === 'chat')!;
    expect(await owned.render(messagesOf(text).slice(1))).toBe(text);
  });
});

describe.each(['software', 'gpu'] as const)('the logits of SmolLM2 in class %s', (reduction) => {
  test('are those of float64 at every position', async () => {
    using loaded = await loadTextModel(path, { reduction, maxModelLen: 256 });
    const { model } = loaded;
    const V = model.config.vocabSize;
    for (const { name, ids, completion, gap } of prompts) {
      const { logits } = await model.forward([...ids, ...completion.slice(0, -1)]);
      using owned = logits;
      const all = await owned.readF32();
      const row = (t: number) => Float64Array.from(all.subarray(t * V, (t + 1) * V));
      for (let t = 0; t < ids.length; t++) {
        const got = row(t);
        const best = (i: number) => numbers.get(`${name}.top_ids`)![8 * t + i]!;
        const top = Array.from({ length: 8 }, (_, i) => numbers.get(`${name}.top`)![8 * t + i]!);
        const label = `${name}, position ${t}`;
        for (const [i, want] of top.entries()) {
          expect(Math.abs(got[best(i)]! - want), label).toBeLessThanOrEqual(LOGIT_TOLERANCE);
        }
        if (top[0]! - top[1]! > NEAR_TIE) expect(argmax(got), label).toBe(best(0));
        const sum = got[0]! - logSoftmax(got)[0]!;
        expect(Math.abs(sum - numbers.get(`${name}.logsumexp`)![t]!), label).toBeLessThanOrEqual(LOGIT_TOLERANCE);
      }
      const want = logSoftmax(Float64Array.from(numbers.get(`${name}.last`)!));
      const got = logSoftmax(row(ids.length - 1));
      const divergence = want.reduce((kl, logprob, id) => kl + Math.exp(logprob) * (logprob - got[id]!), 0);
      expect(divergence, `${name}, KL of the last position`).toBeLessThanOrEqual(MAX_KL);
      for (const [i, id] of completion.entries()) {
        if (gap[i]! > NARROW_GAP) expect([i, argmax(row(ids.length - 1 + i))], name).toEqual([i, id]);
      }
    }
  });
});

test('the fourth turn of a conversation takes its prompt from the prefix cache, but for the new message', async () => {
  await using llm = await load(path, { maxModelLen: 1024, maxBatchSize: 1, warmUp: false });
  const messages: ChatMessage[] = [];
  const shares: number[] = [];
  for (const content of ['Tell me a long story about a fox.', 'Go on.', 'Go on.', 'How does it end?']) {
    messages.push({ role: 'user', content });
    const request = { sampling: { temperature: 0, maxTokens: 200, ignoreEos: true } };
    const { message, cachedTokens, promptTokens } = await llm.chat(messages, request);
    messages.push(message);
    shares.push(cachedTokens / promptTokens);
  }
  expect(shares[0]).toBe(0);
  expect(shares[3]).toBeGreaterThanOrEqual(0.95);
});

describe('the command line', () => {
  const generate = (prompt: string, ...flags: string[]) => {
    const args = [
      'src/cli/roseinfer.js',
      'generate',
      '--model',
      path,
      '--prompt',
      prompt,
      '--temperature',
      '0',
      ...flags,
    ];
    const { stdout, status, stderr } = runNode(args);
    expect(status, stderr).toBe(0);
    return stdout;
  };
  const golden = (name: string) => prompts.find((each) => each.name === name)!;

  test('continues a text as transformers does', () => {
    expect(generate(golden('plain').text)).toBe(`${golden('plain').completion_text}\n`);
  });

  test('answers a question by the chat template as transformers does', () => {
    const [, question] = messagesOf(golden('chat').text);
    expect(generate(question!.content, '--chat')).toBe(`${golden('chat').completion_text}\n`);
  });

  test('goes on with a chat from the ids of its first answer, which is that of transformers', () => {
    const [, question] = messagesOf(golden('chat').text);
    const max = String(golden('chat').completion.length);
    const flags = ['--model', path, '--temperature', '0', '--max-new-tokens', max, '--verbose'];
    const input = `"""${question!.content}"""\nWhy?\n`;
    const { stdout, status, stderr } = runNode(['src/cli/roseinfer.js', 'chat', ...flags], { input });
    expect(status, stderr).toBe(0);
    expect(stdout.startsWith(`${golden('chat').completion_text.trimStart()}\n\n`)).toBe(true);
    const cached = [...stderr.matchAll(/ · (\d+) of (\d+) prompt tokens cached/g)].map(([, count]) => Number(count));
    expect(cached).toHaveLength(2);
    expect(cached[1]).toBeGreaterThan(0);
  });

  test('answers a question in the form of a schema', () => {
    const schema = { type: 'object', properties: { city: { type: 'string', maxLength: 30 } }, required: ['city'] };
    const file = join(temporaryDirectory(), 'city.json');
    writeFileSync(file, JSON.stringify(schema));
    const question = 'Which city is the capital of France? Answer in JSON: {"city": NAME}';
    const answer: unknown = JSON.parse(generate(question, '--chat', '--schema', file));
    expect(answer).toEqual({ city: expect.stringContaining('Paris') });
  });
});

function argmax(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
