// Tokenizers of the Llama family, and the parts of pipelines in many variants, against goldens of Hugging Face.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

const FIXTURES = 'test/fixtures/tokenizers';
const FAMILIES = ['llama3', 'qwen2', 'smollm', 'sentencepiece', 'metaspace', 'ignore_merges'];

/** Golden of one text. */
interface Row {
  readonly ids: readonly number[];
  /** Ids with the tokens around the text. */
  readonly with_special: readonly number[];
}

/** Golden of a family's text. */
interface FamilyRow extends Row {
  readonly text: string;
  /** Text of `ids`, special tokens kept. */
  readonly decoded: string;
}

/** Golden of a variant's text. */
interface VariantRow extends Row {
  /** Ids where the spelling of a special token is text. */
  readonly plain: readonly number[];
  /** Text of `with_special`, special tokens kept and skipped. */
  readonly decoded: string;
  readonly text_only: string;
}

interface Variants {
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly tokenizer: unknown;
    readonly rows: readonly VariantRow[];
  }[];
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8'));
}

describe('a tokenizer of the Llama family', () => {
  test.for(FAMILIES)('%s gives the ids and texts of Hugging Face', async (family) => {
    const tokenizer = await Tokenizer.load(`${FIXTURES}/${family}`);
    const rows = await readJson<FamilyRow[]>(`${FIXTURES}/${family}/encode.json`);
    expect(rows.length).toBe(1500);
    const kept = { skipSpecialTokens: false };
    for (const { text, ids, with_special, decoded } of rows) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecial: true }), JSON.stringify(text)).toEqual(with_special);
      expect(tokenizer.decode(ids, kept), JSON.stringify(text)).toBe(decoded);
    }
  });

  test.for(FAMILIES)('%s has token bytes that join to the text that was normalized', async (family) => {
    const tokenizer = await Tokenizer.load(`${FIXTURES}/${family}`);
    const rows = await readJson<FamilyRow[]>(`${FIXTURES}/${family}/encode.json`);
    for (const { ids, decoded } of rows) {
      const text = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id))).toString();
      const space = tokenizer.numLeadingSpaces === 1 && text.startsWith(' ') ? ' ' : '';
      expect(text).toBe(space + decoded);
    }
  });

  test('with a BOS adds it where asked, and knows it as a control token', async () => {
    const tokenizer = await Tokenizer.load(`${FIXTURES}/metaspace`);
    const ids = tokenizer.encode('a', { addSpecial: true });
    expect(ids).toEqual([1, ...tokenizer.encode('a')]);
    expect(tokenizer.isSpecial(1)).toBe(true);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('a');
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe('<s> a');
    expect(tokenizer.vocabSize).toBe(759);
  });

  test('with byte fallback writes a character that it lacks as its bytes', async () => {
    const tokenizer = await Tokenizer.load(`${FIXTURES}/sentencepiece`);
    const [space, ...bytes] = tokenizer.encode('🦊');
    expect(tokenizer.tokenBytes(space!)).toEqual(Uint8Array.of(0x20));
    expect(bytes.flatMap((id) => [...tokenizer.tokenBytes(id)])).toEqual([...new TextEncoder().encode('🦊')]);
    expect(tokenizer.decode([space!, ...bytes], { skipSpecialTokens: true })).toBe('🦊');
    expect(tokenizer.decode(bytes.slice(0, 2), { skipSpecialTokens: true })).toBe('\ufffd');
  });
});

const { texts, cases } = await readJson<Variants>(`${FIXTURES}/variants.json`);

describe('ids and texts are those of Hugging Face for', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'variant-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  test.for(cases)('$name', async ({ tokenizer: definition, rows }) => {
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(definition));
    const tokenizer = await Tokenizer.load(dir);
    for (const [index, { ids, with_special, plain, decoded, text_only }] of rows.entries()) {
      const text = texts[index]!;
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecial: true }), JSON.stringify(text)).toEqual(with_special);
      expect(tokenizer.encode(text, { parseSpecial: false }), JSON.stringify(text)).toEqual(plain);
      expect(tokenizer.decode(with_special, { skipSpecialTokens: false }), JSON.stringify(text)).toBe(decoded);
      expect(tokenizer.decode(with_special, { skipSpecialTokens: true }), JSON.stringify(text)).toBe(text_only);
    }
  });
});
