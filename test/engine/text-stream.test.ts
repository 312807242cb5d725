// Streams: their pieces join to the text of the ids, and leaving one early aborts its request and frees its blocks.
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { RequestFailedError, SlowReaderError, UnknownRequestError } from '../../src/engine/errors.ts';
import type { FinishedRequest, TextPiece } from '../../src/engine/request.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { byteTokens } from '../support/byte-tokens.ts';
import {
  completion,
  EOS,
  HeldRunner,
  promptThatStops,
  ScriptedRunner,
  talesRunner,
} from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
/** [256] the token of each byte. */
let byteIds: number[];
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  byteIds = byteTokens(tokenizer);
});

async function readAll(
  stream: AsyncGenerator<TextPiece, FinishedRequest>,
): Promise<{ pieces: TextPiece[]; response: FinishedRequest }> {
  const pieces: TextPiece[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return { pieces, response: value };
    pieces.push(value);
  }
}

const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 6, seed: 4 } };

describe('a stream', () => {
  test('gives each id with its text, then the finished request', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const { pieces, response } = await readAll(engine.stream(prompt));
    expect(pieces.map(({ id }) => id)).toEqual(completion(prompt));
    expect(pieces.map(({ text }) => text).join('')).toBe(response.text);
    expect(response).toEqual({ ...(await engine.generate(prompt)), ...response });
    expect(response).toMatchObject({ ids: completion(prompt), finishReason: 'length' });
  });

  test('gives a piece as soon as its id is there', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer, overlap: false });
    const stream = engine.stream(prompt);
    for (const id of completion(prompt)) {
      const next = stream.next();
      while (runner.numHeld === 0) await setImmediate();
      runner.settle();
      expect(await next).toMatchObject({ done: false, value: { id } });
    }
    expect(await stream.next()).toMatchObject({ done: true, value: { finishReason: 'length' } });
    expect(await stream.next()).toMatchObject({ done: true, value: { finishReason: 'length' } });
  });

  test('gives the eos as an id without text', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const { pieces, response } = await readAll(engine.stream(promptThatStops()));
    expect(pieces.at(-1)).toEqual({ id: EOS, text: '', logprobs: null });
    expect(pieces.map(({ id }) => id)).toEqual(response.ids);
    expect(response.finishReason).toBe('stop');
  });

  test('holds back half characters, and gives the rest of one with the last id', async () => {
    const bytes = [...new TextEncoder().encode('é—🦊!'), 0xe2, 0x80];
    await using engine = new Engine({ runner: new ScriptedRunner(bytes.map((byte) => byteIds[byte] ?? 0)), tokenizer });
    const sampling = { maxTokens: bytes.length, seed: 0 };
    const { pieces, response } = await readAll(engine.stream({ promptIds: [1], sampling }));
    expect(pieces.map(({ text }) => text)).toEqual(['', 'é', '', '', '—', '', '', '', '🦊', '!', '', '\ufffd']);
    expect(response.text).toBe('é—🦊!\ufffd');
  });

  test('joins to the text of its ids, whatever their bytes', async () => {
    const id = fc.oneof(
      fc.nat(255).map((byte) => byteIds[byte] ?? 0),
      fc.nat(EOS),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(id, { minLength: 1, maxLength: 40 }), async (ids) => {
        await using engine = new Engine({ runner: new ScriptedRunner(ids), tokenizer });
        const sampling = { maxTokens: ids.length, seed: 0 };
        const { pieces, response } = await readAll(engine.stream({ promptIds: [1], sampling }));
        const length = ids.includes(EOS) ? ids.indexOf(EOS) + 1 : ids.length;
        expect(response.ids).toEqual(ids.slice(0, length));
        expect(response.text).toBe(tokenizer.decode(response.ids, { skipSpecialTokens: true }));
        expect(pieces.map(({ text }) => text).join('')).toBe(response.text);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  test('queues its request when it is made, and refuses a bad one then', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    expect(() => engine.stream({ ...prompt, sampling: { topP: 0 } })).toThrow('topP is 0, expected a number in (0, 1]');
    expect(engine.hasUnfinished).toBe(false);
    engine.stream(prompt);
    expect(engine.hasUnfinished).toBe(true);
  });

  test('without a reader delays no other request and keeps its pieces', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const stream = engine.stream(prompt);
    await engine.run();
    expect(engine.hasUnfinished).toBe(false);
    expect((await readAll(stream)).pieces.map(({ id }) => id)).toEqual(completion(prompt));
  });

  test('answers several calls of next at once, in order', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const stream = engine.stream(prompt);
    const results = await Promise.all(Array.from({ length: 7 }, () => stream.next()));
    const ids = results.map(({ value }) => ('id' in value ? value.id : null));
    expect(ids).toEqual([...completion(prompt), null]);
  });

  test('shares its steps with other streams and callers', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const prompts = [0, 1, 2].map((seed) => ({ promptIds: [seed], sampling: { maxTokens: 5, seed } }));
    const [first, second, third] = await Promise.all([
      readAll(engine.stream(prompts[0] ?? prompt)),
      readAll(engine.stream(prompts[1] ?? prompt)),
      engine.generate(prompts[2] ?? prompt),
    ]);
    expect([first.response.ids, second.response.ids, third.ids]).toEqual(prompts.map(completion));
    expect(runner.plans.map((plan) => plan.numSequences)).toEqual([3, 3, 3, 3, 3]);
  });
});

describe('leaving a stream early', () => {
  const endless = { promptIds: [1, 2, 3, 4], sampling: { maxTokens: 60, seed: 1 } };
  /** As long, so that it finds a place only when the first has given up its blocks. */
  const other = { promptIds: [5, 6, 7, 8], sampling: { maxTokens: 60, seed: 2 } };

  test.each([true, false])('aborts its request and frees its blocks (overlap %s)', async (overlap) => {
    const runner = talesRunner({ numBlocks: 16, blockSize: 4 });
    await using engine = new Engine({ runner, tokenizer, overlap });
    const pieces: TextPiece[] = [];
    for await (const piece of engine.stream(endless)) {
      pieces.push(piece);
      if (pieces.length === 5) break;
    }
    expect(pieces.map(({ id }) => id)).toEqual(completion(endless).slice(0, 5));
    const numPlans = runner.plans.length;
    expect((await engine.generate(other)).ids).toEqual(completion(other));
    const positions = runner.plans.slice(numPlans).map((plan) => plan.positions.length);
    expect(positions).toEqual([4, ...Array(59).fill(1)]);
  });

  test('before its first piece aborts the request, too', async () => {
    const runner = talesRunner();
    await using engine = new Engine({ runner, tokenizer });
    const stream = engine.stream(endless);
    expect(await stream.return()).toMatchObject({ done: true, value: { finishReason: 'abort', ids: [], text: '' } });
    expect(engine.hasUnfinished).toBe(false);
    expect(await stream.next()).toMatchObject({ done: true, value: { finishReason: 'abort' } });
    await engine.run();
    expect(runner.plans).toHaveLength(0);
  });

  test('ends a next that waits', async () => {
    const runner = new HeldRunner();
    await using engine = new Engine({ runner, tokenizer });
    const stream = engine.stream(endless);
    while (runner.numHeld < 2) await setImmediate();
    const next = stream.next();
    await stream.return();
    expect(await next).toMatchObject({ done: true, value: { finishReason: 'abort' } });
    runner.settle();
    runner.settle();
  });

  test('by an error of the reader aborts the request and passes the error on', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const stream = engine.stream(endless);
    await stream.next();
    await expect(stream.throw(new Error('reader fell over'))).rejects.toThrow('reader fell over');
    expect((await stream.return()).value.finishReason).toBe('abort');
  });

  test('by the end of its scope aborts the request', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    {
      await using stream = engine.stream({ ...endless, requestId: 'scoped' });
      await stream.next();
    }
    expect(() => engine.abort('scoped')).toThrow(UnknownRequestError);
  });

  test('drops unread pieces but not the response of a request that has ended', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const stream = engine.stream(prompt);
    await engine.run();
    expect(await stream.return()).toMatchObject({ value: { finishReason: 'length', ids: completion(prompt) } });
    expect(await stream.next()).toMatchObject({ done: true });
  });

  test('late leaves a newer request with the same id alone', async () => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const stream = engine.stream({ ...prompt, requestId: 'again' });
    await engine.run();
    const { finished } = engine.addRequest({ ...prompt, requestId: 'again' });
    await stream.return();
    await engine.run();
    expect((await finished).finishReason).toBe('length');
  });
});

describe('readers', () => {
  const NUM_STREAMS = 5;
  const requests = Array.from({ length: NUM_STREAMS }, (_, seed) => ({
    promptIds: [seed],
    sampling: { maxTokens: 8, seed, ignoreEos: true },
  }));

  test('of all streams get what a step gave before the next tick, so that they can write it together', async () => {
    const runner = talesRunner({ maxBatchSize: NUM_STREAMS });
    await using engine = new Engine({ runner, tokenizer, overlap: true });
    const writes: number[] = [];
    let pending = 0;
    const write = () => {
      if (pending++ > 0) return;
      process.nextTick(() => {
        writes.push(pending);
        pending = 0;
      });
    };
    await Promise.all(
      requests.map(async (request) => {
        for await (const _ of engine.stream(request)) write();
      }),
    );
    await setImmediate();
    expect(writes).toEqual(Array(8).fill(NUM_STREAMS));
  });

  test('that are slow hold up no step, and have their request aborted once more pieces are unread than they may leave', async () => {
    const runner = talesRunner({ maxBatchSize: NUM_STREAMS });
    await using engine = new Engine({ runner, tokenizer });
    const [fast, stopped, slow, unbounded] = requests.map((request, i) =>
      engine.stream({ ...request, requestId: `r${i}` }, i === 3 ? {} : { maxUnreadPieces: i === 0 ? 1 : 3 }),
    );
    const { pieces } = await readAll(fast!);
    expect(pieces).toHaveLength(8);
    const cut = await stopped!.finished;
    expect(cut).toMatchObject({ finishReason: 'abort', error: null, ids: completion(requests[1]!).slice(0, 4) });
    expect(cut.abortReason).toEqual(new SlowReaderError('r1', 4, 3));
    expect(cut.abortReason).toMatchObject({
      message: 'reader of request r1 has left 4 pieces unread, expected at most 3',
      requestId: 'r1',
      unread: 4,
      max: 3,
    });
    // What there is can be read still.
    const read = await readAll(slow!);
    expect(read.pieces).toHaveLength(4);
    expect(read.response.finishReason).toBe('abort');
    expect((await unbounded!.finished).finishReason).toBe('length');
    // One whose last piece is the one too many has ended.
    const short = { promptIds: [9], sampling: { maxTokens: 4, seed: 1, ignoreEos: true } };
    const ended = engine.stream(short, { maxUnreadPieces: 3 });
    expect((await ended.finished).finishReason).toBe('length');
    for (const maxUnreadPieces of [0, 1.5, '3']) {
      expect(() => Reflect.apply(engine.stream, engine, [prompt, { maxUnreadPieces }])).toThrow(
        /^maxUnreadPieces is .*, expected an integer ≥ 1$/,
      );
    }
    expect(() => Reflect.apply(engine.stream, engine, [prompt, { maxUnread: 1 }])).toThrow(
      'key of options of stream is "maxUnread", expected one of maxUnreadPieces',
    );
    expect(engine.hasUnfinished).toBe(false);
  });
});

test('a stream whose request fails gives its pieces, then throws', async () => {
  const runner = talesRunner();
  runner.isBroken = ({ position }) => position === 5;
  await using engine = new Engine({ runner, tokenizer });
  const pieces: TextPiece[] = [];
  const read = async () => {
    for await (const piece of engine.stream({ ...prompt, requestId: 'r7' })) pieces.push(piece);
  };
  await expect(read()).rejects.toThrow(new RequestFailedError('r7', 'logits for position 5 are not finite'));
  expect(pieces.map(({ id }) => id)).toEqual(completion(prompt).slice(0, 2));
});
