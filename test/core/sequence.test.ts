// Counts of a sequence: tokens on the host and in flight add up to its limit.
import { expect, test } from 'vitest';
import { resolveSamplingParams } from '../../src/core/resolve-sampling-params.ts';
import { Sequence } from '../../src/core/sequence.ts';

test('a sequence counts prompt, ids and pending ids, and is full when host and flight make maxTokens', () => {
  const params = resolveSamplingParams({ maxTokens: 2 }, { room: 10, vocabSize: 20 });
  const sequence = new Sequence({ requestId: 'a', promptIds: [1, 2, 3], params, eosIds: [0], arrival: 5 });
  expect(sequence).toMatchObject({ status: 'waiting', numTokens: 3, numUncomputedTokens: 3, isFullLength: false });

  sequence.numComputedTokens = 3;
  sequence.numPendingIds = 1;
  expect(sequence).toMatchObject({ numTokens: 4, numUncomputedTokens: 1, isFullLength: false });

  sequence.ids.push(9);
  expect(sequence).toMatchObject({ numTokens: 5, isFullLength: true });
});
