// The GGUF reader on files that are changed at random: each opens or is refused by a GGUFError.
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GGUFError } from '../../../src/formats/gguf/gguf-error.ts';
import { openGGUF } from '../../../src/formats/gguf/gguf-file.ts';
import { ggufBytes, keyOf, THREE_TENSORS, u64, writeGGUF } from '../../support/models/gguf-bytes.ts';

describe('whatever a file holds, it opens or throws a GGUFError', () => {
  /** Returns true for a file that opens, false for one that is refused. */
  const open = async (bytes: Uint8Array, path: string): Promise<boolean> => {
    writeFileSync(path, bytes);
    try {
      await using _ = await openGGUF(path);
      return true;
    } catch (error) {
      if (!(error instanceof GGUFError)) throw error;
      expect(error.message).not.toContain('\n');
      return false;
    }
  };
  const keys = [
    keyOf('general.architecture', 'llama'),
    keyOf('llama.block_count', 2),
    keyOf('tokenizer.ggml.tokens', ['a', 'b', 'é']),
    keyOf('tokenizer.ggml.scores', [0.5, 1.5]),
    keyOf('flag', true),
  ];
  const valid = ggufBytes({ keys, ...THREE_TENSORS });

  test('random bytes after a valid beginning', async () => {
    const path = writeGGUF(valid);
    const tails = fc.uint8Array({ maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(tails, async (tail) => {
        await open(Buffer.concat([valid.subarray(0, 24), tail]), path);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test('a valid file with bytes changed, removed or inserted', async () => {
    const path = writeGGUF(valid);
    expect(await open(valid, path)).toBe(true);
    const edit = fc.record({
      at: fc.nat(valid.length - 1),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 2 }),
        fc.constantFrom(0, 1, 2 ** 31, 2n ** 53n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n).map(u64),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let bytes: Buffer = valid;
        for (const { at, remove, insert } of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        }
        await open(bytes, path);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  test('every byte of a header set to 0, 255 and its complement', async () => {
    const path = writeGGUF(valid);
    const outcomes = new Set<boolean>();
    for (let at = 0; at < valid.length - THREE_TENSORS.data.length; at++) {
      for (const byte of [0, 255, ~valid[at]! & 255]) {
        const bytes = Buffer.from(valid);
        bytes[at] = byte;
        outcomes.add(await open(bytes, path));
      }
    }
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test('a valid file cut anywhere, which is always refused', async () => {
    const path = writeGGUF(valid);
    for (let length = 0; length < valid.length; length++) {
      expect([length, await open(valid.subarray(0, length), path)]).toEqual([length, false]);
    }
  });

  test('a real file with a byte of its header changed', async () => {
    const path = writeGGUF(valid);
    const whole = readFileSync('test/fixtures/gguf/llama3-q8_0.gguf');
    const headerBytes = 12_000;
    await fc.assert(
      fc.asyncProperty(fc.nat(headerBytes), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(whole);
        bytes[at] = byte;
        await open(bytes, path);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
