// Check of a scheduler's books: nothing of the pool or the batch is lost, shared or held by a sequence that does not run.
import type { Sequence } from '../core/sequence.ts';
import { NO_BLOCK } from '../kv/block-table.ts';
import type { KVCacheManager } from '../kv/kv-cache-manager.ts';
import { RoseinferError } from '../util/errors.ts';

/** Books of a scheduler. */
export interface SchedulerBooks {
  readonly kv: KVCacheManager;
  readonly running: readonly { readonly sequence: Sequence; readonly tokenSlot: number }[];
  readonly freeTokenSlots: readonly number[];
  readonly maxBatchSize: number;
}

/** Checks blocks and token slots. @throws RoseinferError as `Scheduler.checkIntegrity`. */
export function checkBooks({ kv, running, freeTokenSlots, maxBatchSize }: SchedulerBooks): void {
  kv.checkIntegrity();
  const held = running.flatMap(({ sequence }) => kv.blockTable(sequence)).filter((block) => block !== NO_BLOCK);
  const numUsed = kv.numBlocks - kv.numFreeBlocks;
  if (new Set(held).size !== numUsed) {
    throw new RoseinferError(
      `running sequences hold ${new Set(held).size} blocks, expected ${numUsed}, as the pool has in use`,
    );
  }
  const slots = new Set([...freeTokenSlots, ...running.map(({ tokenSlot }) => tokenSlot)]);
  if (slots.size !== maxBatchSize || freeTokenSlots.length + running.length !== maxBatchSize) {
    throw new RoseinferError(`token slots are ${[...slots].join(', ')}, expected each below ${maxBatchSize} once`);
  }
}
