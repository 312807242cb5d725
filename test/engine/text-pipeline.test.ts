// Ids by Hugging Face's tokenizers, for texts with white space, digits and letters on which regex engines differ.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Tokenizer } from '../../src/engine/tokenizer.ts';

interface Goldens {
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly pre_tokenizer: unknown;
    readonly normalizer: unknown;
    readonly ids: readonly (readonly number[])[];
  }[];
}

const goldens: Goldens = JSON.parse(await readFile('test/fixtures/tokenizers/pipelines.json', 'utf8'));
const tales: object = JSON.parse(await readFile('weights/tales/tokenizer.json', 'utf8'));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pipeline-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('the words of a text are those of Hugging Face', () => {
  test.for(goldens.cases)('$name', async ({ pre_tokenizer, normalizer, ids }) => {
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify({ ...tales, pre_tokenizer, normalizer }));
    const tokenizer = await Tokenizer.load(dir);
    for (const [index, text] of goldens.texts.entries()) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids[index]);
    }
  });
});
