// Streams of parts: their order, their pace, and their ends, early ones among them.
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { streamText } from 'ai';
import { expect, test } from 'vitest';
import { partStream } from '../../src/ai-sdk/part-stream.ts';
import { CallReader } from '../../src/tools/call-reader.ts';
import { uniforms } from '../../src/util/random-values.ts';
import { allOf, openTestProvider, type TestProvider } from '../support/ai-sdk-provider.ts';

const prompt: LanguageModelV4CallOptions['prompt'] = [{ role: 'user', content: [{ type: 'text', text: 'Who came?' }] }];
const options: LanguageModelV4CallOptions = { prompt, maxOutputTokens: 10, seed: 1 };

async function partsOf({ roseinfer }: TestProvider, more: Partial<LanguageModelV4CallOptions> = {}) {
  const { stream } = await roseinfer('tales').doStream({ ...options, ...more });
  return await allOf(stream);
}

const typesOf = (parts: readonly LanguageModelV4StreamPart[]) => [...new Set(parts.map(({ type }) => type))];

test('the parts come in the order of the SDK', async () => {
  await using opened = openTestProvider();
  const parts = await partsOf(opened);
  expect(typesOf(parts)).toEqual([
    'stream-start',
    'response-metadata',
    'text-start',
    'text-delta',
    'text-end',
    'finish',
  ]);
  expect(parts.filter(({ type }) => type !== 'text-delta')).toHaveLength(5);
  expect(parts.every((part) => part.type !== 'text-delta' || part.delta !== '')).toBe(true);
});

test('an answer without text has no text part', async () => {
  await using opened = openTestProvider();
  const parts = await partsOf(opened);
  const text = parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('');
  const stopSequences = [text.slice(0, 1)];
  expect(typesOf(await partsOf(opened, { stopSequences }))).toEqual(['stream-start', 'response-metadata', 'finish']);
  const { content } = await opened.roseinfer('tales').doGenerate({ ...options, stopSequences });
  expect(content).toEqual([]);
});

test('raw parts are the pieces, one an id', async () => {
  await using opened = openTestProvider();
  const parts = await partsOf(opened, { includeRawChunks: true });
  const raw = parts.flatMap((part) => (part.type === 'raw' ? [part.rawValue] : []));
  const finish = parts.at(-1);
  expect(raw.map((piece) => Reflect.get(Object(piece), 'id'))).toEqual(
    finish?.type === 'finish' ? finish.providerMetadata?.roseinfer?.ids : null,
  );
});

test('a fault after the first part is a part, and the finish tells of it', async () => {
  await using opened = openTestProvider();
  opened.runner.isBroken = ({ position }) => position > 15;
  const parts = await partsOf(opened);
  expect(typesOf(parts).slice(-3)).toEqual(['text-end', 'error', 'finish']);
  const [error, finish] = parts.slice(-2);
  expect(error).toMatchObject({
    error: { name: 'AI_APICallError', isRetryable: false, message: expect.stringContaining('not finite') },
  });
  expect(finish).toMatchObject({ finishReason: { unified: 'error', raw: 'error' } });
});

test('a request that its engine aborts is an answer that was interrupted', async () => {
  await using opened = openTestProvider();
  const { stream } = await opened.roseinfer('tales').doStream({ ...options, maxOutputTokens: 200 });
  const parts: LanguageModelV4StreamPart[] = [];
  for await (const part of stream) {
    parts.push(part);
    if (part.type === 'response-metadata') opened.engine.abort(part.id ?? '');
  }
  expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'interrupted', raw: 'abort' } });
});

test('a part is made when it is asked for', async () => {
  await using opened = openTestProvider();
  const pieces = opened.engine.stream({ promptIds: [1, 2], sampling: { maxTokens: 20, seed: 1, ignoreEos: true } });
  let taken = 0;
  const counted = {
    finished: pieces.finished,
    return: () => pieces.return(),
    async *[Symbol.asyncIterator]() {
      for await (const piece of pieces) {
        taken++;
        yield piece;
      }
    },
  };
  const frame = { opening: [], closing: () => [], signal: undefined, includesRaw: true, reader: CallReader.ofText() };
  const reader = partStream(counted, frame).getReader();
  await pieces.finished;
  expect(taken).toBe(0);
  for (let i = 0; i < 3; i++) await reader.read();
  expect(taken).toBeLessThanOrEqual(3);
});

test('cancelling the stream aborts its request at once', async () => {
  await using opened = openTestProvider();
  const { stream } = await opened.roseinfer('tales').doStream({ ...options, maxOutputTokens: 200 });
  const reader = stream.getReader();
  for (let i = 0; i < 4; i++) await reader.read();
  expect(opened.engine.stats.numRunning).toBe(1);
  const waiting = reader.read();
  await reader.cancel();
  expect(opened.engine.stats).toMatchObject({ numRunning: 0, numWaiting: 0 });
  expect(await waiting).toMatchObject({ done: expect.any(Boolean) });
});

test('a signal ends the stream with its reason, whatever is still unread', async () => {
  await using opened = openTestProvider();
  const abort = new AbortController();
  const { stream } = await opened
    .roseinfer('tales')
    .doStream({ ...options, maxOutputTokens: 200, abortSignal: abort.signal });
  const reader = stream.getReader();
  for (let i = 0; i < 4; i++) await reader.read();
  await expect.poll(() => opened.engine.stats.generatedTokens).toBeGreaterThan(20);
  const reason = new Error('enough');
  abort.abort(reason);
  expect(opened.engine.stats).toMatchObject({ numRunning: 0, numWaiting: 0 });
  await expect(reader.read()).rejects.toBe(reason);
});

test('a signal that has aborted before stops a call before it is queued', async () => {
  await using opened = openTestProvider();
  const abortSignal = AbortSignal.abort(new Error('never'));
  const model = opened.roseinfer('tales');
  await expect(model.doGenerate({ ...options, abortSignal })).rejects.toThrow('never');
  await expect(model.doStream({ ...options, abortSignal })).rejects.toThrow('never');
  expect(opened.runner.plans).toEqual([]);
});

test('a signal ends a whole answer with its reason', async () => {
  await using opened = openTestProvider();
  const abort = new AbortController();
  const answer = opened.roseinfer('tales').doGenerate({
    ...options,
    maxOutputTokens: 200,
    abortSignal: abort.signal,
  });
  setTimeout(() => abort.abort(), 1);
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
  expect(opened.engine.stats).toMatchObject({ numRunning: 0, numWaiting: 0 });
});

test('16 streams with aborts at random hold nothing, and the others are what they would be alone', async () => {
  const draws = uniforms(11, 64).map(Math.abs);
  const calls = Array.from({ length: 16 }, (_, index) => ({
    prompt: `Tell me of ${'a '.repeat(Math.floor(draws[index]! * 40))}king`,
    seed: index,
    maxOutputTokens: 10 + Math.floor(draws[16 + index]! * 60),
    maxRetries: 0,
    providerOptions: { roseinfer: { ignoreEos: true } },
  }));
  const read = async (opened: TestProvider, index: number, cut: number) => {
    const abort = new AbortController();
    const stream = streamText({
      ...calls[index]!,
      model: opened.roseinfer('tales'),
      abortSignal: abort.signal,
      onError: () => {},
    });
    let text = '';
    let pieces = 0;
    for await (const piece of stream.textStream) {
      text += piece;
      if (++pieces === cut) abort.abort();
    }
    return { text, ids: cut === 0 ? (await stream.providerMetadata)?.roseinfer?.ids : null };
  };
  const alone: { readonly text: string; readonly ids: unknown }[] = [];
  for (const index of calls.keys()) {
    await using opened = openTestProvider({}, { prefixCache: false });
    alone.push(await read(opened, index, 0));
  }
  await using opened = openTestProvider({}, { prefixCache: false });
  const cuts = calls.map((_, index) => (draws[32 + index]! < 0.5 ? 1 + Math.floor(draws[48 + index]! * 9) : 0));
  expect(new Set(cuts.map((cut) => cut === 0))).toEqual(new Set([true, false]));
  const together = await Promise.all(calls.map((_, index) => read(opened, index, cuts[index]!)));
  for (const [index, cut] of cuts.entries()) {
    if (cut === 0) expect(together[index]).toEqual(alone[index]);
    else expect(alone[index]!.text.startsWith(together[index]!.text)).toBe(true);
  }
  await opened.engine.run();
  expect(opened.engine.stats).toMatchObject({ numRunning: 0, numWaiting: 0, numUsedBlocks: 0 });
});
