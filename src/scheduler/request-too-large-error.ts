// The refusal of a request that no state of the pool could ever hold.
import type { ModelLimits } from '../core/runner.ts';
import type { Sequence } from '../core/sequence.ts';
import type { KVCacheManager } from '../kv/kv-cache-manager.ts';
import { RoseinferError } from '../util/errors.ts';

/** A request that could not run even alone. */
export class RequestTooLargeError extends RoseinferError {
  readonly requestId: string;
  readonly needed: number;
  readonly available: number;

  constructor(requestId: string, needed: number, available: number, unit: string) {
    super(`request ${requestId} needs ${needed} ${unit} for its prompt and maxTokens, expected at most ${available}`);
    this.requestId = requestId;
    this.needed = needed;
    this.available = available;
  }
}

/** Checks that a sequence could run alone. @throws RequestTooLargeError */
export function checkFits(
  { requestId, promptIds, params }: Sequence,
  { maxModelLen }: Pick<ModelLimits, 'maxModelLen'>,
  kv: Pick<KVCacheManager, 'numBlocks' | 'blockSize' | 'numBlocksFor'>,
): void {
  const maxLength = promptIds.length + params.maxTokens;
  if (maxLength > maxModelLen) throw new RequestTooLargeError(requestId, maxLength, maxModelLen, 'tokens');
  const maxBlocks = kv.numBlocksFor(maxLength);
  if (maxBlocks <= kv.numBlocks) return;
  throw new RequestTooLargeError(requestId, maxBlocks, kv.numBlocks, `blocks of ${kv.blockSize} tokens`);
}
