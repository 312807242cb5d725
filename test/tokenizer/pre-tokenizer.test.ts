// Words by Hugging Face's tokenizers, of texts with white space, digits and letters on which regex engines differ.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BYTE_OF_LETTER } from '../../src/tokenizer/byte-letters.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

interface Goldens {
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly pre_tokenizer: unknown;
    readonly normalizer: unknown;
    /** Words of each text in the letters of bytes, with spaces between. */
    readonly words: readonly string[];
  }[];
}

const { texts, cases }: Goldens = JSON.parse(await readFile('test/fixtures/tokenizers/pipelines.json', 'utf8'));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pipeline-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('the words of a text are those of Hugging Face', () => {
  test.for(cases)('$name', async ({ pre_tokenizer, normalizer, words }) => {
    // Every word is a token, so that ids tell where a text was split.
    const wordsOf = words.map((line) => line.split(' ').filter((word) => word !== ''));
    const tokens = [...new Set([...BYTE_OF_LETTER.keys(), ...wordsOf.flat()])];
    const idOf = new Map(tokens.map((token, id) => [token, id]));
    const model = { type: 'BPE', vocab: Object.fromEntries(idOf), merges: [], ignore_merges: true };
    const definition = { model, pre_tokenizer, normalizer, decoder: { type: 'ByteLevel' }, added_tokens: [] };
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(definition));
    const tokenizer = await Tokenizer.load(dir);
    for (const [index, text] of texts.entries()) {
      const got = tokenizer.encode(text).map((id) => tokens[id]);
      expect(got, JSON.stringify(text)).toEqual(wordsOf[index]);
    }
  });
});
