// Streamed text: its pieces join to the text that decoding all ids at once gives, and no piece holds half a character.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Detokenizer } from '../../src/tokenizer/detokenizer.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

const FAMILIES = ['llama3', 'qwen2', 'smollm', 'sentencepiece', 'metaspace', 'ignore_merges'];

let tokenizer: Tokenizer;
let singleByteIds: number[];

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  const ids = Array.from({ length: tokenizer.vocabSize }, (_, id) => id);
  singleByteIds = ids.filter((id) => tokenizer.tokenBytes(id).length === 1);
});

function stream(ids: readonly number[]): string[] {
  const detokenizer = new Detokenizer(tokenizer);
  return [...ids.map((id) => detokenizer.push(id)), detokenizer.finish()];
}

describe('the pieces of a stream', () => {
  test('join to the text that decoding all ids gives, whatever the bytes', () => {
    // Runs of single bytes are mostly broken UTF-8; the special token falls between the parts of characters.
    const id = fc.oneof(
      { weight: 6, arbitrary: fc.nat(255).map((index) => singleByteIds[index] ?? 0) },
      { weight: 3, arbitrary: fc.nat(tokenizer.vocabSize - 1) },
      { weight: 1, arbitrary: fc.constant(tokenizer.eosIds[0]!) },
    );
    fc.assert(
      fc.property(fc.array(id, { minLength: 1, maxLength: 40 }), (ids) => {
        const text = stream(ids).join('');
        expect(text).toBe(tokenizer.decode(ids, { skipSpecialTokens: true }));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test('join to the text that decoding all ids gives for broken characters of every kind', () => {
    // Lead bytes, continuation bytes and bytes that never occur, on both sides of every limit in UTF-8's table.
    const bytes = [
      0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
    ];
    const idOf = new Map(singleByteIds.map((id) => [tokenizer.tokenBytes(id)[0], id]));
    const ids = bytes.map((byte) => idOf.get(byte) ?? -1);
    for (const a of ids) {
      for (const b of ids) {
        for (const c of ids) {
          expect(stream([a, b, c]).join('')).toBe(tokenizer.decode([a, b, c], { skipSpecialTokens: true }));
        }
      }
    }
  });

  test('hold no half characters, and each character comes with its last byte', () => {
    const text = 'é—🦊!';
    const byteIds = [...new TextEncoder().encode(text)].map((byte) => {
      return singleByteIds.find((id) => tokenizer.tokenBytes(id)[0] === byte) ?? -1;
    });
    expect(stream(byteIds)).toEqual(['', 'é', '', '', '—', '', '', '', '🦊', '!', '']);
  });

  test('are empty for special tokens', () => {
    const [a, b] = [tokenizer.encode('Once'), tokenizer.encode(' more')];
    expect(stream([...a, 8191, ...b, 8191]).join('')).toBe('Once more');
    expect(stream([8191])).toEqual(['', '']);
  });

  test('end in U+FFFD where the ids stop inside a character', () => {
    const incomplete = singleByteIds.find((id) => tokenizer.tokenBytes(id)[0] === 0xe2) ?? -1;
    expect(stream([...tokenizer.encode('x'), incomplete])).toEqual(['x', '', '\ufffd']);
  });

  test('keep a byte order mark', () => {
    const ids = tokenizer.encode('\ufeffx');
    expect(stream(ids).join('')).toBe('\ufeffx');
  });
});

describe.for(FAMILIES)('a stream of %s', (family) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(`test/fixtures/tokenizers/${family}`);
  });
  const ids = fc.array(fc.nat(699), { minLength: 1, maxLength: 30 });
  const skipped = { skipSpecialTokens: true };

  test('that is a whole text joins to the text of all ids', () => {
    fc.assert(
      fc.property(ids, (ids) => {
        const detokenizer = new Detokenizer(tokenizer, { stop: [], minTokens: 0 }, true);
        const text = ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish();
        expect(text).toBe(tokenizer.decode(ids, skipped));
      }),
      { seed: 3, numRuns: 1000, examples: [[tokenizer.encode(' a')], [tokenizer.encode('🦊')]] },
    );
  });

  test('that continues a text joins to the rest of the whole text', () => {
    const prompt = tokenizer.encode('Once upon');
    fc.assert(
      fc.property(ids, (ids) => {
        const detokenizer = new Detokenizer(tokenizer);
        const text = ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish();
        expect(`Once upon${text}`).toBe(tokenizer.decode([...prompt, ...ids], skipped));
      }),
      { seed: 4, numRuns: 1000, examples: [[tokenizer.encode(' a')], [tokenizer.encode('🦊')]] },
    );
  });

  test('ends before a stop string, whatever tokens spell it', () => {
    let numFound = 0;
    fc.assert(
      fc.property(ids, fc.constantFrom(' the', 'a', '\n', 'é'), (ids, stop) => {
        const detokenizer = new Detokenizer(tokenizer, { stop: [stop], minTokens: 0 }, true);
        let text = '';
        for (const id of ids) if (detokenizer.foundStop === null) text += detokenizer.push(id);
        text += detokenizer.finish();
        const [before] = tokenizer.decode(ids, skipped).split(stop);
        expect(text).toBe(before);
        if (detokenizer.foundStop !== null) numFound++;
      }),
      { seed: 5, numRuns: 1000 },
    );
    expect(numFound).toBeGreaterThan(50);
  });
});
