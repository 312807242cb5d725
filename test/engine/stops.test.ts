// Stop strings and stop ids against a search of the whole text: the text ends before the first stop, however tokens cut
// it.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { FinishedRequest, GenerationRequest } from '../../src/engine/request.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { byteTokens } from '../support/byte-tokens.ts';
import { completion, EOS, promptThatStops, ScriptedRunner, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
/** [256] the token of each byte. */
let byteIds: number[];
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  byteIds = byteTokens(tokenizer);
});

const idsOf = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byteIds[byte] ?? -1);

/** Streams a request whose ids are those of a script. */
async function run(ids: readonly number[], sampling: GenerationRequest['sampling'] = {}, overlap = true) {
  const runner = new ScriptedRunner(ids);
  await using engine = new Engine({ runner, tokenizer, overlap });
  const stream = engine.stream({ promptIds: [1], sampling: { maxTokens: ids.length, seed: 0, ...sampling } });
  const pieces: string[] = [];
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) pieces.push(next.value.text);
  const response: FinishedRequest = next.value;
  expect(pieces.join('')).toBe(response.text);
  expect(pieces).toHaveLength(response.ids.length);
  return { pieces, response, runner };
}

describe('a stop string', () => {
  test.each([true, false])(
    'ends the text before it and the ids with the token that completes it (overlap %s)',
    async (overlap) => {
      const { response, pieces } = await run(idsOf('one. two'), { stop: ['. t', '!'] }, overlap);
      expect(response).toMatchObject({ text: 'one', finishReason: 'stop', stopReason: '. t', error: null });
      expect(response.ids).toEqual(idsOf('one. t'));
      expect(response.timings.tokenTimes).toHaveLength(6);
      expect(pieces).toEqual(['o', 'n', 'e', '', '', '']);
    },
  );

  test('is found inside and across tokens of several bytes', async () => {
    const ids = [...tokenizer.encode('Once upon'), ...tokenizer.encode(' a time')];
    const { response } = await run(ids, { stop: ['on a t'] });
    expect(response.text).toBe('Once up');
    expect(response.stopReason).toBe('on a t');
    expect(response.ids.length).toBeLessThanOrEqual(ids.length);
  });

  test('is found across characters of several bytes, and its half bytes are never shown', async () => {
    const { response, pieces } = await run(idsOf('a🦊🐸b'), { stop: ['🐸'] });
    expect(response).toMatchObject({ text: 'a🦊', stopReason: '🐸' });
    // The fox's first three bytes are the frog's, too: the fox is held back up to its last.
    expect(pieces).toEqual(['a', '', '', '', '🦊', '', '', '', '']);
    const other = await run(idsOf('a🦊'), { stop: ['🦋'] });
    expect(other.pieces).toEqual(['a', '', '', '', '🦊']);
  });

  test('held back in part is text when the request ends otherwise', async () => {
    const cut = await run(idsOf('a EN'), { stop: ['END'] });
    expect(cut.response).toMatchObject({ text: 'a EN', finishReason: 'length', stopReason: null });
    expect(cut.pieces).toEqual(['a', ' ', '', 'EN']);
    const ended = await run([...idsOf('a EN'), EOS], { stop: ['END'] });
    expect(ended.response).toMatchObject({ text: 'a EN', finishReason: 'stop', stopReason: null });
    expect(ended.pieces).toEqual(['a', ' ', '', '', 'EN']);
  });

  test('on the last token that there is room for is the reason, not the length', async () => {
    const { response } = await run(idsOf('a.'), { stop: ['.'] });
    expect(response).toMatchObject({ text: 'a', finishReason: 'stop', stopReason: '.' });
  });

  test('in the prompt ends nothing', async () => {
    await using engine = new Engine({ runner: new ScriptedRunner([0, ...idsOf('ab')]), tokenizer });
    const promptIds = idsOf('..');
    const response = await engine.generate({ promptIds, sampling: { stop: ['.', 'b'], maxTokens: 2 } });
    expect(response.text).toBe('a');
  });

  test('counts only after minTokens ids', async () => {
    const text = 'a.b.c.';
    const stopsAt = async (minTokens: number) => (await run(idsOf(text), { stop: ['.'], minTokens })).response.text;
    expect(await Promise.all([0, 1, 2, 3, 4].map(stopsAt))).toEqual(['a', 'a', 'a.b', 'a.b', 'a.b.c']);
  });

  test('frees the place of its request: the row after it enters nothing', async () => {
    const ids = idsOf('ab.cdefgh');
    const { runner, response } = await run(ids, { stop: ['.'] });
    expect(response.ids).toHaveLength(3);
    expect(runner.plans).toHaveLength(4);
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const prompt = { promptIds: [1, 2], sampling: { maxTokens: 9, seed: 3 } };
    const text = tokenizer.decode(completion(prompt), { skipSpecialTokens: true });
    const stop = text.slice(4, 8);
    const [stopped, other] = await engine.generateBatch([
      { ...prompt, sampling: { ...prompt.sampling, stop: [stop] } },
      { promptIds: [5], sampling: { maxTokens: 12, seed: 1 } },
    ]);
    expect(stopped?.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(other?.ids).toEqual(completion({ promptIds: [5], sampling: { maxTokens: 12, seed: 1 } }));
  });

  test('cuts any text where a look at the whole finds it, whatever the tokens', async () => {
    const id = fc.oneof(
      fc.constantFrom(...idsOf('aab🦊')),
      fc.constantFrom(0xe2, 0x80, 0xff).map((byte) => byteIds[byte] ?? 0),
      fc.nat(EOS - 1),
    );
    const stop = fc.constantFrom('aab', 'b🦊', '🦊🦊', 'ab');
    await fc.assert(
      fc.asyncProperty(fc.array(id, { minLength: 1, maxLength: 30 }), stop, async (ids, stop) => {
        const { response } = await run(ids, { stop: [stop] });
        const bytes = Buffer.concat(ids.map((each) => tokenizer.tokenBytes(each)));
        const at = bytes.indexOf(stop);
        const shown = at < 0 ? bytes : bytes.subarray(0, at);
        expect(response.text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(shown));
        expect(response.stopReason).toBe(at < 0 ? null : stop);
        const numBytes = response.ids.reduce((sum, each) => sum + tokenizer.tokenBytes(each).length, 0);
        if (at >= 0) expect(numBytes).toBeGreaterThanOrEqual(at + Buffer.byteLength(stop));
      }),
      { seed: 9, numRuns: 300 },
    );
  });
});

describe('a stop id', () => {
  test('ends a request as the eos does, and is named', async () => {
    const [stopId = -1] = idsOf('.');
    const { response, pieces } = await run(idsOf('ab.c'), { stopTokenIds: [7, stopId] });
    expect(response).toMatchObject({ text: 'ab', finishReason: 'stop', stopReason: stopId });
    expect(response.ids).toEqual(idsOf('ab.'));
    expect(pieces).toEqual(['a', 'b', '']);
  });

  test('may be the eos, which is named only where the eos itself ends nothing', async () => {
    const prompt = promptThatStops();
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    const stopReason = async (sampling: GenerationRequest['sampling']) => {
      const response = await engine.generate({ ...prompt, sampling: { ...prompt.sampling, ...sampling } });
      expect(response).toMatchObject({ ids: completion(prompt), finishReason: 'stop' });
      return response.stopReason;
    };
    expect(await stopReason({})).toBe(null);
    expect(await stopReason({ stopTokenIds: [EOS] })).toBe(null);
    expect(await stopReason({ stopTokenIds: [EOS], ignoreEos: true })).toBe(EOS);
  });
});

test.each([{ stop: [''] }, { stopTokenIds: [8192] }, { logitBias: { 8192: 1 } }, { logprobs: 21 }])(
  'a request with %j is refused before it is queued',
  async (sampling) => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer });
    expect(() => engine.addRequest({ promptIds: [1], sampling })).toThrow(/expected/);
    expect(engine.hasUnfinished).toBe(false);
  },
);
