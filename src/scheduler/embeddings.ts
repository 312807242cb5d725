// Embeddings: the hidden states of a prompt are added up chunk by chunk, and the step with its last token gives their mean.
import type { PooledPositions } from '../core/plan-batch.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { Sequence } from '../core/sequence.ts';

/** Returns the positions of a row whose hidden states go into the embedding of a sequence; null where there are none. */
export function positionsToPool(
  { pooling, promptIds: { length } }: Sequence,
  start: number,
  end: number,
): PooledPositions | null {
  if (pooling === 'mean') return { start, end, isContinued: start > 0, total: end === length ? length : null };
  const hasLast = pooling === 'last' && end === length;
  return hasLast ? { start: end - 1, end, isContinued: false, total: 1 } : null;
}

/** Takes the embeddings of a step for the sequences that still wait for them; null for one with elements that are not finite. */
export function takeEmbeddings(
  rows: readonly SchedulerRow[],
  embeddings: readonly Float32Array[],
): { readonly sequence: Sequence; readonly embedding: Float32Array | null }[] {
  return rows.flatMap(({ sequence, epoch }, index) => {
    if (epoch !== sequence.epoch) return [];
    const embedding = embeddings[index]!;
    return [{ sequence, embedding: embedding.every(Number.isFinite) ? embedding : null }];
  });
}
