// Contract of a queue policy: which waiting request is next. A rank is fixed on arrival, so that the queue
// stays sorted and an order can be proven to starve no request.
import type { ReadonlySequence } from '../../core/sequence.ts';

/**
 * Decides which sequence is served first: which of those that wait starts next, and which of those that run keeps its
 * blocks when they are short.
 *
 * @example The longest prompt first, each token worth 5 ms of waiting
 * ```ts
 * import { load, type QueuePolicy } from 'roseinfer';
 *
 * const longest: QueuePolicy = { rank: ({ arrival, promptIds }) => arrival - 5 * promptIds.length };
 * await using llm = await load('weights/tales', { queuePolicy: longest, maxBatchSize: 1 });
 * const answers = await llm.generate(['Once', 'Long ago there was a king'], { maxTokens: 8 });
 * console.log(answers.map(({ text, timings }) => [text, timings.ttft]));
 * ```
 */
export interface QueuePolicy {
  /**
   * Place of a sequence in the queue, a finite number that is fixed when it arrives; the least comes first, the order of
   * arrival decides among equals. It has to rise with the arrival for no request to be overtaken for ever. A request whose
   * rank can't be made is refused with a PolicyError.
   */
  rank(sequence: Pick<ReadonlySequence, 'arrival' | 'priority' | 'promptIds'>): number;
}
