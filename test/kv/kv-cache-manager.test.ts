// Block tables and shared prefixes, against a model of every block's contents; cases that other engines got wrong are
// named.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KVCacheManager } from '../../src/kv/kv-cache-manager.ts';
import { KVModel, ModelSequence } from '../support/engine/kv-model.ts';

const tokens = (length: number, first = 0) => Array.from({ length }, (_, index) => first + index);

/** Starts a sequence and computes `numTokens` of it. */
function run(kv: KVCacheManager, sequence: ModelSequence, numTokens = sequence.numTokens): ModelSequence {
  const hit = kv.start(sequence);
  if (hit === null) throw new Error('no blocks');
  sequence.numComputedTokens = Math.max(hit.numTokens, numTokens);
  kv.cacheBlocks(sequence);
  return sequence;
}

describe('KVCacheManager', () => {
  test('grows a table only when tokens pass the end of its last block', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    const sequence = new ModelSequence(tokens(3), null);
    const lengths = [3, 1, 1, 3, 1].map((numTokens) => {
      expect(kv.allocateSlots(sequence, numTokens)).toBe(true);
      sequence.numComputedTokens += numTokens;
      return kv.blockTable(sequence).length;
    });
    expect(lengths).toEqual([1, 1, 2, 2, 3]);
    expect(kv.numFreeBlocks).toBe(5);
  });

  test('keeps the blocks of a sequence in their places while it grows', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 1 });
    const [a, b] = [new ModelSequence([1, 2], null), new ModelSequence([1, 2], null)];
    kv.allocateSlots(a, 2);
    kv.allocateSlots(b, 2);
    const before = [...kv.blockTable(a)];
    kv.allocateSlots(a, 4);
    expect(kv.blockTable(a).slice(0, 2)).toEqual(before);
    expect(new Set([...kv.blockTable(a), ...kv.blockTable(b)]).size).toBe(6);
  });

  test('changes nothing when the pool lacks a block', () => {
    const kv = new KVCacheManager({ numBlocks: 3, blockSize: 4 });
    const [a, b] = [new ModelSequence(tokens(8), 'g'), new ModelSequence(tokens(9, 20), 'g')];
    run(kv, a);
    expect(kv.start(b)).toBeNull();
    expect(kv.blockTable(b)).toEqual([]);
    expect(kv.allocateSlots(a, 5)).toBe(false);
    expect(kv.blockTable(a)).toHaveLength(2);
    expect(kv.numFreeBlocks).toBe(1);
    kv.checkIntegrity();
  });

  test('starts nothing that would leave fewer blocks than are reserved', () => {
    const kv = new KVCacheManager({ numBlocks: 3, blockSize: 4 });
    expect(kv.start(new ModelSequence(tokens(8), null), 2)).toBeNull();
    expect(kv.start(new ModelSequence(tokens(8), null), 1)).not.toBeNull();
  });

  test('frees once, however often it is asked to', () => {
    const kv = new KVCacheManager({ numBlocks: 3, blockSize: 4 });
    const sequence = run(kv, new ModelSequence(tokens(12), null));
    kv.free(sequence);
    kv.free(sequence);
    expect(kv.numFreeBlocks).toBe(3);
    expect(kv.blockTable(sequence)).toEqual([]);
    kv.checkIntegrity();
  });

  test.each([0, 1.5, Number.NaN])('refuses blocks of %s tokens', (blockSize) => {
    expect(() => new KVCacheManager({ numBlocks: 3, blockSize })).toThrow('blockSize is');
  });
});

describe('a prefix', () => {
  test('is shared while its first owner runs, and after it has ended', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    const a = run(kv, new ModelSequence(tokens(10), 'g'));
    const b = new ModelSequence(tokens(10), 'g');
    expect(kv.start(b)).toEqual({ numTokens: 8, miss: 'short' });
    expect(kv.blockTable(b).slice(0, 2)).toEqual(kv.blockTable(a).slice(0, 2));
    expect(kv.numFreeBlocks).toBe(4);
    expect([a, b].map((each) => kv.numSharedTokens(each))).toEqual([8, 8]);
    kv.free(a);
    kv.free(b);
    expect(kv.numFreeBlocks).toBe(8);
    expect(kv.start(new ModelSequence(tokens(9), 'g'))).toEqual({ numTokens: 8, miss: 'short' });
    kv.checkIntegrity();
  });

  test('that is all of a prompt leaves its last token to compute (nano-vllm PR 199: no rows for a full hit)', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    run(kv, new ModelSequence(tokens(8), 'g'));
    const again = new ModelSequence(tokens(8), 'g');
    expect(kv.start(again)).toEqual({ numTokens: 4, miss: 'short' });
    expect(() => kv.checkIntegrity()).toThrow('is written and shared'); // were its first block computed again
    again.numComputedTokens = 4;
    kv.checkIntegrity();
  });

  test('is not found once its blocks were given to others, and the miss says so', () => {
    const kv = new KVCacheManager({ numBlocks: 4, blockSize: 4 });
    const a = run(kv, new ModelSequence(tokens(13), 'g'));
    kv.free(a);
    // The tail could be shared by fewer sequences, so it goes first.
    const b = run(kv, new ModelSequence(tokens(8, 100), 'g'));
    kv.free(b);
    const again = new ModelSequence(tokens(13), 'g');
    expect(kv.start(again)).toEqual({ numTokens: 8, miss: 'evicted' });
    kv.checkIntegrity();
  });

  test('that was hit is not evicted for the rest of the same prompt (nano-vllm PRs 211 and 233)', () => {
    const kv = new KVCacheManager({ numBlocks: 4, blockSize: 4 });
    kv.free(run(kv, new ModelSequence(tokens(12), 'g')));
    const b = new ModelSequence([...tokens(12), 50], 'g');
    expect(kv.start(b)).toEqual({ numTokens: 12, miss: 'short' });
    expect(new Set(kv.blockTable(b)).size).toBe(4);
    kv.checkIntegrity();
  });

  test('computed by two at once is known once, and both go on (nano-vllm issue 219: duplicate blocks in one step)', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    const [a, b] = [new ModelSequence(tokens(9), 'g'), new ModelSequence(tokens(9), 'g')];
    kv.start(a);
    kv.start(b);
    for (const sequence of [a, b]) {
      sequence.numComputedTokens = 9;
      kv.cacheBlocks(sequence);
    }
    expect(kv.numCachedBlocks).toBe(2);
    expect(kv.blockTable(a).some((block) => kv.blockTable(b).includes(block))).toBe(false);
    kv.free(a);
    kv.free(b);
    expect(kv.start(new ModelSequence(tokens(9), 'g'))).toMatchObject({ numTokens: 8 });
    kv.checkIntegrity();
  });

  test('of another group, and of none, is not shared', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    run(kv, new ModelSequence(tokens(5), 'g'));
    expect(kv.start(new ModelSequence(tokens(5), 'h'))).toEqual({ numTokens: 0, miss: 'new' });
    expect(kv.start(new ModelSequence(tokens(5), null))).toEqual({ numTokens: 0, miss: 'off' });
    expect(kv.start(new ModelSequence(tokens(4), 'g'))).toEqual({ numTokens: 0, miss: 'short' });
  });

  test('with the hash of another is not taken for it', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 }, () => 1);
    run(kv, new ModelSequence(tokens(9), 'g'));
    expect(kv.start(new ModelSequence(tokens(9, 1), 'g'))).toEqual({ numTokens: 0, miss: 'new' });
    expect(kv.start(new ModelSequence([...tokens(4), 9, 9, 9, 9, 9], 'g'))).toMatchObject({ numTokens: 4 });
  });

  test('includes generated ids, once they are on the host', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    const a = run(kv, new ModelSequence(tokens(6), 'g'));
    kv.allocateSlots(a, 2);
    a.numComputedTokens = 8; // the eighth token is sampled, but not read yet
    a.ids.push(6);
    kv.cacheBlocks(a);
    expect(kv.numCachedBlocks).toBe(1);
    a.ids.push(7);
    kv.cacheBlocks(a);
    expect(kv.start(new ModelSequence(tokens(9), 'g'))).toMatchObject({ numTokens: 8 });
  });

  test('that turned out wrong is not found any more', () => {
    const kv = new KVCacheManager({ numBlocks: 8, blockSize: 4 });
    const a = run(kv, new ModelSequence(tokens(9), 'g'));
    kv.evictAll();
    expect(kv.numCachedBlocks).toBe(0);
    kv.free(a);
    expect(kv.start(new ModelSequence(tokens(9), 'g'))).toMatchObject({ numTokens: 0 });
    kv.checkIntegrity();
  });
});

// Few different tokens, so that prefixes meet; few blocks, so that they are evicted.
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      prompt: fc.array(fc.nat(1), { minLength: 1, maxLength: 9 }),
      group: fc.constantFrom('g', 'g', 'h', null),
      reserved: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fork' as const), who: fc.nat(9), reserved: fc.nat(1) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('compute' as const),
      who: fc.nat(9),
      numTokens: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), who: fc.nat(9), id: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('free' as const, 'preempt' as const), who: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evict' as const), who: fc.nat(9) }) },
);

test('agrees with a model of contents under any order of starts, forks, writes, preemptions, evictions and ends', () => {
  let [numHits, numEvicted, numRefused] = [0, 0, 0];
  const property = fc.property(
    fc.integer({ min: 1, max: 10 }),
    fc.integer({ min: 1, max: 4 }),
    fc.boolean(),
    fc.array(command, { maxLength: 40, size: 'max' }),
    (numBlocks, blockSize, collides, commands) => {
      const kv = new KVCacheManager({ numBlocks, blockSize }, collides ? (prefix) => prefix & 1 : undefined);
      const model = new KVModel(numBlocks, blockSize);
      const preempted: ModelSequence[] = [];

      const start = (sequence: ModelSequence, reserved: number): void => {
        const free = kv.numFreeBlocks;
        const hit = kv.start(sequence, reserved);
        if (hit === null) {
          numRefused++;
          expect(kv.numFreeBlocks).toBe(free);
          return;
        }
        const blocks = kv.blockTable(sequence);
        const numShared = hit.numTokens / blockSize;
        // Shared blocks hold these very tokens, no block that could be shared is missed, and the last token is left to
        // compute.
        for (const [index, block] of blocks.slice(0, numShared).entries()) {
          expect(model.contents.get(block)).toBe(model.prefix(sequence, index));
        }
        expect(hit.numTokens).toBeLessThan(sequence.numTokens);
        const next = (numShared + 1) * blockSize < sequence.numTokens ? model.prefix(sequence, numShared) : null;
        if (sequence.prefixGroup !== null && hit.miss === 'short') expect(next).toBeNull();
        if (hit.miss === 'evicted') numEvicted++;
        if (numShared > 0) numHits++;
        expect(blocks).toHaveLength(Math.ceil(sequence.numTokens / blockSize));
        expect(model.numFree - blocks.filter((block) => model.owners(block) === 0).length).toBeGreaterThanOrEqual(
          reserved,
        );
        model.give(sequence, blocks, numShared);
        model.numLearned.set(sequence, numShared);
        sequence.numComputedTokens = hit.numTokens;
      };

      for (const step of commands) {
        const live = [...model.tables.keys()];
        const who = 'who' in step ? live[step.who % Math.max(live.length, 1)] : undefined;
        if (step.kind === 'start') {
          start(preempted.shift() ?? new ModelSequence(step.prompt, step.group), step.reserved);
        } else if (who === undefined) {
          continue;
        } else if (step.kind === 'evict') {
          kv.evict(who);
          for (const block of kv.blockTable(who)) model.forget(block);
        } else if (step.kind === 'fork') {
          start(new ModelSequence([...who.promptIds], who.prefixGroup), step.reserved);
        } else if (step.kind === 'compute') {
          const numTokens = Math.min(step.numTokens, who.numTokens - who.numComputedTokens);
          const before = kv.blockTable(who).length;
          const missing = Math.max(0, Math.ceil((who.numComputedTokens + numTokens) / blockSize) - before);
          const fits = missing <= model.numFree;
          expect(kv.allocateSlots(who, numTokens)).toBe(fits);
          if (!fits) continue;
          model.give(who, kv.blockTable(who), before);
          // Blocks that are written belong to no other sequence.
          const written = kv.blockTable(who).slice(Math.floor(who.numComputedTokens / blockSize));
          if (numTokens > 0) for (const block of written) expect(model.owners(block)).toBe(1);
          who.numComputedTokens += numTokens;
          kv.cacheBlocks(who);
          model.learn(who);
        } else if (step.kind === 'append') {
          who.ids.push(step.id);
          kv.cacheBlocks(who);
          model.learn(who);
        } else {
          kv.free(who);
          model.tables.delete(who);
          who.numComputedTokens = 0;
          if (step.kind === 'preempt') preempted.push(who);
        }
        expect(kv.numFreeBlocks).toBe(model.numFree);
        for (const [sequence, blocks] of model.tables) expect(kv.blockTable(sequence)).toEqual(blocks);
        kv.checkIntegrity();
      }
    },
  );
  fc.assert(property, { seed: 1, numRuns: 10_000 });
  // The property means little unless it met the hard cases.
  for (const count of [numHits, numEvicted, numRefused]) expect(count).toBeGreaterThan(100);
}, 120_000);
