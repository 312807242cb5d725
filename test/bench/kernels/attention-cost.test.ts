import { expect, test } from 'vitest';
import { attentionCost } from '../../../bench/kernels/kernel-cases-attention.ts';
import { parseGPT2Config } from '../../../src/models/gpt2/config.ts';

const [H, D] = [3, 16];
const config = parseGPT2Config(
  { n_layer: 1, n_head: H, n_embd: H * D, vocab_size: 331, n_positions: 600 },
  'three heads of 16',
);

test.each([
  [{ sequences: 4, queries: 1, context: 70 }, 1],
  [{ sequences: 1, queries: 37, context: 37 }, 8],
  [{ sequences: 2, queries: 10, context: 25 }, 4],
])('the cost of attention over %j in tiles of %i rows is that of its keys, one by one', (batch, ROWS) => {
  const { sequences, queries, context } = batch;
  const [words, rowWords] = [2 * D, 2 * H * D];
  let [visible, loaded] = [0, 0];
  for (let row = 0; row < queries; row++) {
    const position = context - queries + row;
    for (let key = 0; key < context; key++) {
      if (key <= position) visible++;
      const last = Math.min(row + ROWS, queries) - 1;
      if (row % ROWS === 0 && key <= context - queries + last) loaded++;
    }
  }
  expect(attentionCost({ config, kvDtype: 'f32' }, batch, ROWS)).toEqual({
    bytes: 4 * sequences * (context * rowWords + queries * rowWords),
    loads: sequences * loaded * H * words,
    flops: sequences * visible * H * (2 * D + 2 * D),
  });
});
