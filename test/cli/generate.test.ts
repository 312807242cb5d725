// Streaming of one completion to the terminal, over the fake runner: the text that arrives in pieces is the text of the
// ids that the runner gives, and every way to end leaves a whole line.
import { beforeAll, describe, expect, test } from 'vitest';
import { plainWriter } from '../../src/cli/generate/completion-writers.ts';
import { streamText } from '../../src/cli/generate.ts';
import { deriveSeed, type SamplingOptions } from '../../src/core/sampling-params.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FakeRunner, fakeCompletion } from '../support/engine/fake-runner.ts';

const prompt = 'Once upon a time';
const limits = { maxBatchTokens: 256, maxModelLen: 256, vocabSize: 8192 };
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

interface Run {
  readonly runner?: FakeRunner;
  readonly sampling?: SamplingOptions;
  readonly signal?: AbortSignal;
  readonly text?: string;
  readonly n?: number;
}

async function generate({ runner = new FakeRunner(limits), sampling = {}, signal, text = prompt, n = 1 }: Run = {}) {
  const pieces: string[] = [];
  const request = { prompt: text, sampling, n, signal: signal ?? new AbortController().signal };
  const response = streamText(
    { runner, tokenizer },
    request,
    plainWriter((piece) => pieces.push(piece)),
  );
  const [outcome] = await Promise.allSettled([response.then(([first]) => first!)]);
  return { outcome, pieces, written: pieces.join('') };
}

describe('streamText', () => {
  test('writes the completion piece by piece and a line end after it', async () => {
    const { written, pieces } = await generate({ sampling: { seed: 3, maxTokens: 20 } });
    const promptIds = tokenizer.encode(prompt);
    const ids = fakeCompletion({ promptIds, seed: 3, maxTokens: 20, eosIds: tokenizer.eosIds, vocabSize: 8192 });
    expect(written).toBe(`${tokenizer.decode(ids, { skipSpecialTokens: true })}\n`);
    expect(pieces).toHaveLength(21);
  });

  test('writes several completions in their order with an empty line between two, each with a seed from the one given', async () => {
    const { written } = await generate({ sampling: { seed: 3, maxTokens: 5 }, n: 3 });
    const promptIds = tokenizer.encode(prompt);
    const texts = [0, 1, 2].map((index) => {
      const seed = deriveSeed(3, index);
      const ids = fakeCompletion({ promptIds, seed, maxTokens: 5, eosIds: tokenizer.eosIds, vocabSize: 8192 });
      return `${tokenizer.decode(ids, { skipSpecialTokens: true })}\n`;
    });
    expect(written).toBe(texts.join('\n'));
  });

  test('generates 100 tokens, or what the context has room for', async () => {
    const ignoreEos = true;
    const lengthWith = async (maxModelLen: number, text = prompt) => {
      const { outcome } = await generate({
        runner: new FakeRunner({ ...limits, maxModelLen }),
        sampling: { ignoreEos },
        text,
      });
      return outcome.status === 'fulfilled' ? outcome.value.ids.length : outcome.reason.message;
    };
    const numPromptTokens = tokenizer.encode(prompt).length;
    expect(await lengthWith(256)).toBe(100);
    expect(await lengthWith(20)).toBe(20 - numPromptTokens);
    expect(await lengthWith(20, '')).toBe(19);
    expect(await lengthWith(numPromptTokens)).toMatch(/^prompt length is \d+, expected at most \d+/);
  });

  test('holds a prompt and a chat to a constraint, and lets them take what the context has room for', async () => {
    const limit = 130;
    const allEven = new Uint32Array(8192 / 32).fill(0x55555555);
    const constraint = { start: () => 0, allowed: () => allEven, accept: (count: number) => count + 1 };
    const chat = { template: { encode: async () => [1, 2, 3] } };
    for (const text of [prompt, [{ role: 'user', content: 'Who came?' }] as const]) {
      const runner = new FakeRunner({ ...limits, maxModelLen: limit });
      const request = { prompt: text, sampling: { ignoreEos: true }, constraint, n: 1, signal: AbortSignal.any([]) };
      const [response] = await streamText(
        { runner, tokenizer, chat },
        request,
        plainWriter(() => {}),
      );
      expect(response?.ids).toHaveLength(limit - (response?.promptTokens ?? 0));
      const masks = runner.plans.flatMap(({ samplingRows }) => samplingRows.map(({ mask }) => mask));
      expect(new Set(masks.map((mask) => mask?.[0]))).toEqual(new Set([0x55555555]));
    }
  });

  test('refuses more tokens than the context has room for', async () => {
    const { outcome, written } = await generate({ sampling: { maxTokens: 256 } });
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('maxTokens is 256') },
    });
    expect(written).toBe('');
  });

  test('rejects when the request fails', async () => {
    const runner = new FakeRunner(limits);
    runner.isBroken = ({ position }) => position === 7;
    const { outcome, pieces } = await generate({ runner });
    expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'RequestFailedError' } });
    expect(pieces).toHaveLength(7 - tokenizer.encode(prompt).length + 1);
  });

  test('stops when it is aborted, on a new line', async () => {
    const abort = new AbortController();
    const runner = new FakeRunner(limits);
    runner.isBroken = ({ position }) => {
      if (position === 30) abort.abort(new Error('enough'));
      return false;
    };
    const { outcome, written } = await generate({ runner, signal: abort.signal });
    expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'enough' } });
    expect(written).toMatch(/.\n$/);
    expect(runner.plans.length).toBeLessThan(40);
  });
});
